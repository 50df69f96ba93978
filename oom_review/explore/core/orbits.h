// Like threads, as in orbits.py: a state under the names that sort them, with lists in order; and renamings.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "core.h"
#include "interned.h"
#include "sets.h"
#include "summaries.h"
#include "trees.h"

class Orbits {
    static constexpr uint32_t UNKNOWN = UINT32_MAX;

    struct Class {
        std::vector<uint32_t> who;
        std::vector<Slots> slots; // of each, like with like
    };
    struct Renaming {
        std::vector<uint32_t> values; // the new number of each value
        Slots from;                   // for each slot the one that it gets its value from; empty if that is to be found
    };

    std::vector<Class> classes_;
    std::vector<uint32_t> lists_, blocks_;
    size_t width_ = 0; // of a block, in words
    std::array<std::vector<uint32_t>, 64> anonymous_; // by value
    std::vector<uint32_t> in_order_;                  // by value
    Interned<Varying<uint32_t>> pairs_;                         // who is called whom; 0: nobody changes his name
    std::vector<Renaming> renamings_{1};
    uint32_t asked_ = 0;
    std::vector<std::pair<Slots, uint32_t>> sorted_;
    std::vector<uint32_t> names_;

    static uint32_t &known(std::vector<uint32_t> &by_value, uint32_t value) {
        if (value >= by_value.size())
            by_value.resize(value + 1, UNKNOWN);
        return by_value[value];
    }

public:
    // Asked where something is not known; returns the answer.
    struct Ask {
        std::function<uint32_t(uint32_t who, uint32_t value)> anonymous;
        std::function<uint32_t(uint32_t value)> in_order;
        std::function<void(const uint32_t *pairs, uint32_t n, uint32_t known)> renamed;
    };

    Orbits() { pairs_.add(nullptr, 0); }

    bool any() const { return !classes_.empty(); }

    void lists(const uint32_t *slots, uint32_t n) {
        lists_.assign(slots, slots + n);
        classes_.clear();
        for (Renaming &renaming : renamings_)
            renaming.from.clear();
    }

    void like(const uint32_t *who, uint32_t n, const uint32_t *slots, uint32_t width) {
        Class &like = classes_.emplace_back();
        for (uint32_t i = 0; i < n; i++) {
            if (who[i] >= anonymous_.size())
                throw std::out_of_range("a thread");
            like.who.push_back(who[i]);
            like.slots.emplace_back(slots + i * width, slots + (i + 1) * width);
        }
    }

    void blocks(const uint32_t *who, uint32_t n, uint32_t bits) {
        if (bits % 64)
            throw std::invalid_argument("blocks are whole words");
        blocks_.assign(who, who + n);
        width_ = bits / 64;
    }

    // The answer to Ask::renamed.
    void renamed(const uint32_t *values, uint32_t n) {
        auto &known = renamings_.at(asked_).values;
        known.insert(known.end(), values, values + n);
    }

    // Changes the state; returns the renaming.  `values`: so many there are by now, which the questions may change.
    uint32_t canonical(Slots &state, const uint32_t &values, const Ask &ask) {
        names_.clear();
        for (const Class &like : classes_) {
            sorted_.clear();
            for (size_t i = 0; i < like.who.size(); i++) {
                Slots row;
                for (uint32_t slot : like.slots[i]) {
                    uint32_t value = known(anonymous_[like.who[i]], state.at(slot));
                    if (value == UNKNOWN) {
                        value = ask.anonymous(like.who[i], state[slot]);
                        known(anonymous_[like.who[i]], state[slot]) = value;
                    }
                    row.push_back(value);
                }
                sorted_.emplace_back(std::move(row), like.who[i]);
            }
            std::sort(sorted_.begin(), sorted_.end());
            for (size_t i = 0; i < sorted_.size(); i++)
                if (sorted_[i].second != like.who[i])
                    names_.insert(names_.end(), {sorted_[i].second, like.who[i]});
        }
        uint32_t id = pairs_.add(names_.data(), names_.size());
        if (id)
            rename(state, id, values, ask);
        for (uint32_t slot : lists_) {
            uint32_t value = state.at(slot);
            uint32_t there = known(in_order_, value);
            if (there == UNKNOWN) {
                there = ask.in_order(value);
                known(in_order_, value) = there;
            }
            state[slot] = there;
        }
        return id;
    }

    // A summary in the names of one state, in those of another that has the same canonical one.
    void rename(Summary &summary, uint32_t there, uint32_t here, Sets &sets) const {
        std::array<uint32_t, 64> to;
        std::iota(to.begin(), to.end(), 0);
        std::array<uint32_t, 64> back = to;
        const uint32_t *pairs = pairs_.at(there);
        for (size_t i = 0; i < pairs_.length(there); i += 2)
            to[pairs[i]] = pairs[i + 1];
        pairs = pairs_.at(here);
        for (size_t i = 0; i < pairs_.length(here); i += 2)
            back[pairs[i + 1]] = pairs[i];
        std::vector<uint32_t> from_block, to_block;
        for (uint32_t &name : to)
            name = back[name];
        for (size_t i = 0; i < blocks_.size(); i++) {
            uint32_t name = to[blocks_[i]];
            if (name == blocks_[i])
                continue;
            from_block.push_back(i);
            to_block.push_back(std::find(blocks_.begin(), blocks_.end(), name) - blocks_.begin());
        }
        if (from_block.empty())
            return;
        for (Part &part : summary) {
            uint64_t before = 0;
            for (uint64_t left = part.before; left; left &= left - 1)
                before |= uint64_t{1} << to[__builtin_ctzll(left)];
            part = {before, to[part.who], sets.moved(part.touched, from_block, to_block, width_), Part::UNKNOWN};
        }
    }

private:
    void rename(Slots &state, uint32_t id, const uint32_t &values, const Ask &ask) {
        if (id >= renamings_.size())
            renamings_.resize(id + 1);
        if (renamings_[id].from.empty()) {
            Slots from(state.size());
            std::iota(from.begin(), from.end(), 0);
            for (const Class &like : classes_)
                for (size_t i = 0; i < like.who.size(); i++) {
                    const Slots &own = like.slots[i], &old = like.slots[index_of(like, old_name(like.who[i]))];
                    for (size_t s = 0; s < own.size(); s++)
                        from[own[s]] = old[s];
                }
            renamings_[id].from = std::move(from);
        }
        if (renamings_[id].values.size() < values) {
            asked_ = id;
            ask.renamed(names_.data(), names_.size(), renamings_[id].values.size());
        }
        const Renaming &renaming = renamings_[id];
        Slots old = state;
        for (size_t slot = 0; slot < state.size(); slot++)
            state[slot] = renaming.values.at(old[renaming.from[slot]]);
    }

    uint32_t old_name(uint32_t name) const {
        for (size_t i = 0; i < names_.size(); i += 2)
            if (names_[i + 1] == name)
                return names_[i];
        return name;
    }

    static size_t index_of(const Class &like, uint32_t who) {
        return std::find(like.who.begin(), like.who.end(), who) - like.who.begin();
    }
};
