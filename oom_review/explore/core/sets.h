// Sets of bits, by numbers: what steps touch.  The empty set is 0.
//
// There are some thousands, of a hundred words, and most are alike in most words: a set is an array of pieces, each kept once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "interned.h"

class Sets {
    using Word = uint64_t;
    using Words = std::vector<Word>;
    static constexpr size_t PIECE = 4;

    // The last unions, by their operands.  One that is overwritten is worked out again.
    struct Answer {
        uint32_t a = UINT32_MAX, b = UINT32_MAX, result = 0;
    };

    Interned<Fixed<Word, PIECE>> pieces_; // 0: no bits
    Interned<Varying<uint32_t>> all_;    // of pieces
    std::vector<uint32_t> scratch_;
    std::vector<Answer> unions_ = std::vector<Answer>(1u << 17);

    Answer &answer(uint32_t a, uint32_t b) {
        uint64_t mixed = (static_cast<uint64_t>(a) << 32 | b) * 0x9e3779b97f4a7c15u;
        return unions_[mixed >> 47];
    }

    // Without the empty pieces at the end, so that equal sets are equal arrays.
    uint32_t add_pieces(size_t n) {
        while (n && !scratch_[n - 1])
            n--;
        return all_.add(scratch_.data(), n);
    }

    uint32_t united(uint32_t a, uint32_t b) {
        if (a == b || !b)
            return a;
        if (!a)
            return b;
        Word words[PIECE];
        for (size_t i = 0; i < PIECE; i++)
            words[i] = pieces_.at(a)[i] | pieces_.at(b)[i];
        return pieces_.add(words, PIECE);
    }

    uint32_t piece(uint32_t set, size_t i) const { return i < all_.length(set) ? all_.at(set)[i] : 0; }

    Words words(uint32_t set) const {
        Words found;
        for (size_t i = 0; i < all_.length(set); i++)
            found.insert(found.end(), pieces_.at(piece(set, i)), pieces_.at(piece(set, i)) + PIECE);
        return found;
    }

public:
    static constexpr uint32_t EMPTY = 0;

    Sets() {
        const Word none[PIECE] = {};
        pieces_.add(none, PIECE);
        all_.add(nullptr, 0);
    }

    uint32_t add(const Word *words, size_t n) {
        scratch_.clear();
        for (size_t i = 0; i < n; i += PIECE) {
            Word piece[PIECE] = {};
            std::copy_n(words + i, std::min(PIECE, n - i), piece);
            scratch_.push_back(pieces_.add(piece, PIECE));
        }
        return add_pieces(scratch_.size());
    }

    bool meet(uint32_t a, uint32_t b) const {
        const uint32_t *x = all_.at(a), *y = all_.at(b);
        size_t n = std::min(all_.length(a), all_.length(b));
        for (size_t i = 0; i < n; i++) {
            if (!x[i] || !y[i])
                continue;
            const Word *v = pieces_.at(x[i]), *w = pieces_.at(y[i]);
            for (size_t j = 0; j < PIECE; j++)
                if (v[j] & w[j])
                    return true;
        }
        return false;
    }

    bool within(uint32_t a, uint32_t b) const {
        if (a == b)
            return true;
        if (all_.length(a) > all_.length(b))
            return false;
        const uint32_t *x = all_.at(a), *y = all_.at(b);
        for (size_t i = 0; i < all_.length(a); i++) {
            if (x[i] == y[i])
                continue;
            const Word *v = pieces_.at(x[i]), *w = pieces_.at(y[i]);
            for (size_t j = 0; j < PIECE; j++)
                if (v[j] & ~w[j])
                    return false;
        }
        return true;
    }

    uint32_t unite(uint32_t a, uint32_t b) {
        if (a == b || b == EMPTY)
            return a;
        if (a == EMPTY)
            return b;
        if (a > b)
            std::swap(a, b);
        Answer &known = answer(a, b);
        if (known.a != a || known.b != b) {
            scratch_.clear();
            for (size_t i = 0; i < std::max(all_.length(a), all_.length(b)); i++)
                scratch_.push_back(united(piece(a, i), piece(b, i)));
            known = {a, b, add_pieces(scratch_.size())};
        }
        return known.result;
    }

    // Blocks of `width` words change places: from[i] goes to to[i].  Bits behind all blocks stay.
    uint32_t moved(uint32_t a, const std::vector<uint32_t> &from, const std::vector<uint32_t> &to, size_t width) {
        size_t last = std::max(*std::max_element(from.begin(), from.end()), *std::max_element(to.begin(), to.end()));
        Words before = words(a);
        before.resize(std::max(before.size(), (last + 1) * width));
        Words after = before;
        for (uint32_t block : from)
            std::fill_n(after.begin() + block * width, width, 0);
        for (size_t i = 0; i < from.size(); i++)
            for (size_t w = 0; w < width; w++)
                after[to[i] * width + w] |= before[from[i] * width + w];
        return add(after.data(), after.size());
    }
};
