// Arrays, each of which is kept once: equal arrays have the same number, and numbers count up from 0.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "third_party/unordered_dense/unordered_dense.h"

// Arrays of WIDTH items.  They lie in blocks, so that nothing moves, and no more than a block is asked for ahead.
template <class T, size_t WIDTH> class Fixed {
    static constexpr size_t PER_BLOCK = 1u << 12;
    std::vector<std::unique_ptr<T[]>> blocks_;
    uint32_t size_ = 0;

public:
    using Item = T;

    const T *at(uint32_t id) const { return blocks_[id / PER_BLOCK].get() + id % PER_BLOCK * WIDTH; }
    size_t length(uint32_t) const { return WIDTH; }
    uint32_t size() const { return size_; }

    uint32_t push(const T *items, size_t) {
        if (size_ / PER_BLOCK == blocks_.size())
            blocks_.emplace_back(new T[PER_BLOCK * WIDTH]);
        std::copy_n(items, WIDTH, blocks_[size_ / PER_BLOCK].get() + size_ % PER_BLOCK * WIDTH);
        return size_++;
    }
    void pop() { size_--; }
};

// Arrays of any length: each lies behind its length, in one block.
class Varying {
    static constexpr size_t BLOCK = 1u << 16;
    std::vector<std::unique_ptr<uint32_t[]>> blocks_;
    std::vector<uint32_t> places_;
    size_t end_ = 0;

    uint32_t *place(size_t where) const { return blocks_[where / BLOCK].get() + where % BLOCK; }

public:
    using Item = uint32_t;

    const uint32_t *at(uint32_t id) const { return place(places_[id]) + 1; }
    size_t length(uint32_t id) const { return *place(places_[id]); }
    uint32_t size() const { return static_cast<uint32_t>(places_.size()); }

    uint32_t push(const uint32_t *items, size_t n) {
        if (n >= BLOCK)
            throw std::length_error("an array that does not fit into a block");
        size_t where = end_ % BLOCK + n + 1 > BLOCK ? (end_ / BLOCK + 1) * BLOCK : end_;
        if (where > UINT32_MAX)
            throw std::bad_alloc(); // more than 16 GB of them
        if (where / BLOCK >= blocks_.size())
            blocks_.emplace_back(new uint32_t[BLOCK]);
        places_.push_back(static_cast<uint32_t>(where));
        *place(where) = static_cast<uint32_t>(n);
        std::copy_n(items, n, place(where) + 1);
        end_ = where + n + 1;
        return static_cast<uint32_t>(places_.size() - 1);
    }
    void pop() {
        end_ = places_.back();
        places_.pop_back();
    }
};

template <class Store> class Interned {
    using Item = typename Store::Item;
    static_assert(std::has_unique_object_representations_v<Item>, "padding would be hashed");

    struct Hash {
        using is_avalanching = void;
        const Store *in;
        uint64_t operator()(uint32_t id) const {
            return ankerl::unordered_dense::detail::wyhash::hash(in->at(id), in->length(id) * sizeof(Item));
        }
    };
    struct Equal {
        const Store *in;
        bool operator()(uint32_t a, uint32_t b) const {
            return in->length(a) == in->length(b) && std::equal(in->at(a), in->at(a) + in->length(a), in->at(b));
        }
    };

    std::unique_ptr<Store> store_ = std::make_unique<Store>(); // the table points there
    ankerl::unordered_dense::set<uint32_t, Hash, Equal> ids_{0, Hash{store_.get()}, Equal{store_.get()}};

public:
    static constexpr uint32_t NONE = UINT32_MAX;

    const Item *at(uint32_t id) const { return store_->at(id); }
    size_t length(uint32_t id) const { return store_->length(id); }
    uint32_t size() const { return store_->size(); }

    // `items` may not lie in here.  The candidate stands behind all others while it is looked for, so that ids alone are hashed.
    uint32_t add(const Item *items, size_t n) {
        uint32_t id = store_->push(items, n);
        auto [found, fresh] = ids_.insert(id);
        if (!fresh)
            store_->pop();
        return *found;
    }

    uint32_t find(const Item *items, size_t n) {
        uint32_t id = store_->push(items, n);
        auto found = ids_.find(id);
        store_->pop();
        return found == ids_.end() ? NONE : *found;
    }

    void clear() { *this = Interned(); }

    // Each array is replaced by what `change` makes of it; different ones stay different.
    template <class Change> void replace(Change change) {
        Interned changed;
        std::vector<Item> items;
        for (uint32_t id = 0; id < size(); id++) {
            items.clear();
            change(at(id), length(id), items);
            changed.add(items.data(), items.size());
        }
        *this = std::move(changed);
    }
};
