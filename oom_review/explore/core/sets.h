// Sets of bits, by numbers: what steps touch.  The empty set is 0.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "interned.h"

class Sets {
    using Word = uint64_t;

    // The last answers, by their operands.  One that is overwritten is worked out again.
    struct Answer {
        uint32_t a = UINT32_MAX, b = UINT32_MAX, result = 0;
    };
    using Answers = std::vector<Answer>;

    Interned<Word> all_;
    std::vector<Word> scratch_;
    Answers united_{1u << 15}, common_{1u << 15};

    static Answer &answer(Answers &answers, uint32_t a, uint32_t b) {
        uint64_t mixed = (static_cast<uint64_t>(a) << 32 | b) * 0x9e3779b97f4a7c15u;
        return answers[mixed >> 49];
    }

public:
    static constexpr uint32_t EMPTY = 0;

    Sets() { all_.add(nullptr, 0); }

    // Without the zeros at the end, so that equal sets are equal arrays.
    uint32_t add(const Word *words, size_t n) {
        while (n && !words[n - 1])
            n--;
        return all_.add(words, n);
    }

    bool meet(uint32_t a, uint32_t b) const {
        const Word *x = all_.at(a), *y = all_.at(b);
        size_t n = std::min(all_.length(a), all_.length(b));
        for (size_t i = 0; i < n; i++)
            if (x[i] & y[i])
                return true;
        return false;
    }

    bool within(uint32_t a, uint32_t b) const {
        if (a == b)
            return true;
        if (all_.length(a) > all_.length(b))
            return false;
        const Word *x = all_.at(a), *y = all_.at(b);
        for (size_t i = 0; i < all_.length(a); i++)
            if (x[i] & ~y[i])
                return false;
        return true;
    }

    uint32_t unite(uint32_t a, uint32_t b) {
        if (a == b || b == EMPTY)
            return a;
        if (a == EMPTY)
            return b;
        if (a > b)
            std::swap(a, b);
        Answer &known = answer(united_, a, b);
        if (known.a != a || known.b != b) {
            scratch_.assign(all_.at(a), all_.at(a) + all_.length(a));
            scratch_.resize(std::max(all_.length(a), all_.length(b)));
            for (size_t i = 0; i < all_.length(b); i++)
                scratch_[i] |= all_.at(b)[i];
            known = {a, b, add(scratch_.data(), scratch_.size())};
        }
        return known.result;
    }

    uint32_t common(uint32_t a, uint32_t b) {
        if (a == b)
            return a;
        if (a > b)
            std::swap(a, b);
        Answer &known = answer(common_, a, b);
        if (known.a != a || known.b != b) {
            size_t n = std::min(all_.length(a), all_.length(b));
            scratch_.assign(all_.at(a), all_.at(a) + n);
            for (size_t i = 0; i < n; i++)
                scratch_[i] &= all_.at(b)[i];
            known = {a, b, add(scratch_.data(), n)};
        }
        return known.result;
    }

    // Blocks of `width` bits change places: from[i] goes to to[i].  Bits behind all blocks stay.
    uint32_t moved(uint32_t a, const std::vector<uint32_t> &from, const std::vector<uint32_t> &to, uint32_t width) {
        size_t last = std::max(*std::max_element(from.begin(), from.end()), *std::max_element(to.begin(), to.end()));
        size_t words = width / 64; // blocks are whole words: core_blocks() refuses others
        scratch_.assign(all_.at(a), all_.at(a) + all_.length(a));
        scratch_.resize(std::max(scratch_.size(), (last + 1) * words));
        std::vector<Word> before = scratch_;
        for (uint32_t block : from)
            std::fill_n(scratch_.begin() + block * words, words, 0);
        for (size_t i = 0; i < from.size(); i++)
            for (size_t w = 0; w < words; w++)
                scratch_[to[i] * words + w] |= before[from[i] * words + w];
        return add(scratch_.data(), scratch_.size());
    }
};
