// States that were met.  A state is cut into pieces, each of which is kept once: a row of their numbers stands for it.
//
// Tried: one array for each state, 700 bytes; the pieces repeat, so that a row takes 50.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "interned.h"
#include "trees.h"

using Row = std::vector<uint32_t>;

class Pieces {
    static constexpr size_t WIDTH = 16;
    Interned<Varying> pieces_;

public:
    // The row of a state.  Where a slot is as in `before`, whose row is `row`, so is what is known of it.
    void row(const Slots &state, const Slots &before, Row &row) {
        for (size_t i = 0; i < row.size(); i++)
            if (!std::equal(begin(state, i), end(state, i), begin(before, i)))
                row[i] = pieces_.add(begin(state, i), end(state, i) - begin(state, i));
    }

    void row(const Slots &state, Row &row) {
        row.resize((state.size() + WIDTH - 1) / WIDTH);
        for (size_t i = 0; i < row.size(); i++)
            row[i] = pieces_.add(begin(state, i), end(state, i) - begin(state, i));
    }

    void state(const uint32_t *row, size_t n, Slots &state) const {
        state.clear();
        for (size_t i = 0; i < n; i++)
            state.insert(state.end(), pieces_.at(row[i]), pieces_.at(row[i]) + pieces_.length(row[i]));
    }

private:
    static const uint32_t *begin(const Slots &state, size_t i) { return state.data() + i * WIDTH; }
    static const uint32_t *end(const Slots &state, size_t i) {
        return state.data() + std::min(state.size(), (i + 1) * WIDTH);
    }
};
