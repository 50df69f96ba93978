// Decision trees, as in table.py.  A node looks at a slot; what it does not know yet is asked for and taught.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core.h"

using Slots = std::vector<uint32_t>; // of a state

class Trees {
    static constexpr uint32_t LEAF = 1u << 31;
    static constexpr size_t EVERYBODY = 64, KINDS = 4;

    struct Node {
        uint32_t slot = 0;
        std::vector<std::pair<uint32_t, uint32_t>> next; // by value, in order: a node, or a leaf with its bit
    };
    std::vector<Node> nodes_;
    std::array<std::array<uint32_t, EVERYBODY>, KINDS> first_;

    template <class Next> static auto place(Next &next, uint32_t value) {
        return std::lower_bound(next.begin(), next.end(), std::make_pair(value, uint32_t{0}));
    }

public:
    static constexpr uint32_t UNKNOWN = UINT32_MAX;

    Trees() {
        for (auto &kind : first_)
            kind.fill(UNKNOWN);
    }

    // A leaf, or UNKNOWN.
    uint32_t find(uint32_t kind, uint32_t who, const Slots &state) const {
        uint32_t at = first_[kind][who];
        while (!(at & LEAF)) {
            const Node &node = nodes_[at];
            if (node.slot >= state.size())
                return UNKNOWN;
            auto there = place(node.next, state[node.slot]);
            at = there != node.next.end() && there->first == state[node.slot] ? there->second : UNKNOWN;
        }
        return at == UNKNOWN ? UNKNOWN : at & ~LEAF;
    }

    void way(uint32_t kind, uint32_t who, const uint32_t *nodes, const uint32_t *slots, const uint32_t *values, uint32_t n,
             uint32_t leaf) {
        uint32_t &first = first_.at(kind).at(who);
        first = n ? nodes[0] : leaf | LEAF;
        for (uint32_t i = 0; i < n; i++) {
            if (nodes[i] >= LEAF)
                throw std::out_of_range("a node");
            if (nodes[i] >= nodes_.size())
                nodes_.resize(nodes[i] + 1);
            Node &node = nodes_[nodes[i]];
            node.slot = slots[i];
            uint32_t next = i + 1 < n ? nodes[i + 1] : leaf | LEAF;
            auto there = place(node.next, values[i]);
            if (there != node.next.end() && there->first == values[i])
                there->second = next;
            else
                node.next.insert(there, {values[i], next});
        }
    }

    void forget(uint32_t kind, uint32_t who, uint32_t value) {
        uint32_t first = first_.at(kind).at(who);
        if (first & LEAF || value == CORE_NOTHING) { // also where nothing is known
            first_[kind][who] = UNKNOWN;
            return;
        }
        auto &next = nodes_[first].next;
        auto there = place(next, value);
        if (there != next.end() && there->first == value)
            next.erase(there);
    }
};
