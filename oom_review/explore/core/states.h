// States that were met.  A state is cut into pieces, each of which is kept once and has a number among those for its place: the row of
// these numbers stands for the state.
//
// A piece ends where all that follows is as it is by default, so that a state keeps its row when further slots come up.
//
// Tried: one array for each state, 700 bytes; rows of 4 bytes a piece, 50 bytes, all written anew for each new slot; joining pieces in
// pairs, pairs of pairs and so on, each kept once, 55 bytes: there are more pairs than states.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "interned.h"
#include "trees.h"

using Row = std::vector<uint32_t>;

class Pieces {
    static constexpr size_t WIDTH = 16;

    const Slots &defaults_;
    std::vector<Interned<Varying<uint32_t>>> pieces_; // by place; 0: all as it is by default

    uint32_t piece(const Slots &state, size_t i) {
        if (i == pieces_.size())
            pieces_.emplace_back().add(nullptr, 0);
        const size_t begin = i * WIDTH;
        size_t end = std::min(begin + WIDTH, state.size());
        while (end > begin && state[end - 1] == defaults_[end - 1])
            end--;
        return pieces_[i].add(state.data() + begin, end - begin);
    }

public:
    explicit Pieces(const Slots &defaults) : defaults_(defaults) {}

    void row(const Slots &state, Row &row) {
        row.resize((state.size() + WIDTH - 1) / WIDTH);
        for (size_t i = 0; i < row.size(); i++)
            row[i] = piece(state, i);
    }

    // `row` is that of `before`, and becomes that of `state`, which has as many slots.
    void row(const Slots &state, const Slots &before, Row &row) {
        for (size_t i = 0; i < row.size(); i++) {
            const size_t begin = i * WIDTH, end = std::min(begin + WIDTH, state.size());
            if (!std::equal(state.begin() + begin, state.begin() + end, before.begin() + begin))
                row[i] = piece(state, i);
        }
    }
};

// Rows, with numbers.  Pieces at the end that are all as they are by default are left out.
class Rows {
    InternedNumbers rows_;

    static size_t length(const Row &row) {
        size_t n = row.size();
        while (n && !row[n - 1])
            n--;
        return n;
    }

public:
    static constexpr uint32_t NONE = InternedNumbers::NONE;

    uint32_t add(const Row &row) { return rows_.add(row.data(), length(row)); }
    uint32_t find(const Row &row) { return rows_.find(row.data(), length(row)); }
    uint32_t size() const { return rows_.size(); }
    void clear() { rows_ = {}; }
};
