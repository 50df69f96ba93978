// Arrays, each of which is kept once: equal arrays have the same number, and numbers count up from 0.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "third_party/unordered_dense/unordered_dense.h"

template <class T> class Interned {
    static_assert(std::has_unique_object_representations_v<T>, "padding would be hashed");

    struct Hash {
        using is_avalanching = void;
        const Interned *in;
        uint64_t operator()(uint32_t id) const {
            return ankerl::unordered_dense::detail::wyhash::hash(in->at(id), in->length(id) * sizeof(T));
        }
    };
    struct Equal {
        const Interned *in;
        bool operator()(uint32_t a, uint32_t b) const {
            return in->length(a) == in->length(b) && std::equal(in->at(a), in->at(a) + in->length(a), in->at(b));
        }
    };

    std::vector<T> items_;
    std::vector<uint64_t> starts_{0}; // of each array, and the end of the last
    ankerl::unordered_dense::set<uint32_t, Hash, Equal> ids_{0, Hash{this}, Equal{this}};

    // The candidate stands behind all others while it is looked for, so that ids alone are hashed.
    uint32_t push(const T *items, size_t n) {
        items_.insert(items_.end(), items, items + n);
        starts_.push_back(items_.size());
        return static_cast<uint32_t>(starts_.size() - 2);
    }
    void pop() {
        starts_.pop_back();
        items_.resize(starts_.back());
    }

public:
    static constexpr uint32_t NONE = UINT32_MAX;

    Interned() = default;
    Interned(const Interned &) = delete; // the table points here
    Interned &operator=(const Interned &) = delete;

    const T *at(uint32_t id) const { return items_.data() + starts_[id]; }
    size_t length(uint32_t id) const { return starts_[id + 1] - starts_[id]; }
    uint32_t size() const { return static_cast<uint32_t>(starts_.size() - 1); }

    // `items` may not lie within here.
    uint32_t add(const T *items, size_t n) {
        uint32_t id = push(items, n);
        auto [found, fresh] = ids_.insert(id);
        if (!fresh)
            pop();
        return *found;
    }

    uint32_t find(const T *items, size_t n) {
        uint32_t id = push(items, n);
        auto found = ids_.find(id);
        pop();
        return found == ids_.end() ? NONE : *found;
    }

    void clear() {
        items_.clear();
        starts_.assign(1, 0);
        ids_.clear();
    }

    // Each array is replaced by what `change` makes of it, appended to a vector; different ones stay different.
    template <class Change> void replace(Change change) {
        std::vector<T> items;
        std::vector<uint64_t> starts{0};
        starts.reserve(starts_.size());
        for (uint32_t id = 0; id < size(); id++) {
            change(at(id), length(id), items);
            starts.push_back(items.size());
        }
        items_ = std::move(items);
        starts_ = std::move(starts);
        ids_.clear();
        for (uint32_t id = 0; id < size(); id++)
            ids_.insert(id);
    }
};
