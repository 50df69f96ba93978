// Arrays, each of which is kept once: equal arrays have the same number, and numbers count up from 0.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
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
template <class T> class Varying {
    using Length = uint16_t;
    static constexpr size_t BLOCK = 1u << 16, HEAD = std::max<size_t>(1, sizeof(Length) / sizeof(T));
    std::vector<std::unique_ptr<T[]>> blocks_;
    std::deque<uint32_t> places_;
    size_t end_ = 0;

    T *place(size_t where) const { return blocks_[where / BLOCK].get() + where % BLOCK; }

public:
    using Item = T;

    const T *at(uint32_t id) const { return place(places_[id]) + HEAD; }
    size_t length(uint32_t id) const {
        Length n;
        std::memcpy(&n, place(places_[id]), sizeof(n));
        return n;
    }
    uint32_t size() const { return static_cast<uint32_t>(places_.size()); }

    uint32_t push(const T *items, size_t n) {
        if (n + HEAD >= BLOCK)
            throw std::length_error("an array that does not fit into a block");
        size_t where = end_ % BLOCK + HEAD + n > BLOCK ? (end_ / BLOCK + 1) * BLOCK : end_;
        if (where > UINT32_MAX)
            throw std::bad_alloc(); // more than 4 GB of bytes, or 16 of numbers
        if (where / BLOCK >= blocks_.size())
            blocks_.emplace_back(new T[BLOCK]);
        places_.push_back(static_cast<uint32_t>(where));
        const Length length = static_cast<Length>(n);
        std::memcpy(place(where), &length, sizeof(length));
        std::copy_n(items, n, place(where) + HEAD);
        end_ = where + HEAD + n;
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
};

// Arrays of numbers, most of which are small: each takes one byte for seven of its bits.
class InternedNumbers {
    Interned<Varying<uint8_t>> all_;
    std::vector<uint8_t> bytes_;

    void encode(const uint32_t *numbers, size_t n) {
        bytes_.clear();
        for (size_t i = 0; i < n; i++) {
            uint32_t left = numbers[i];
            for (; left >= 0x80; left >>= 7)
                bytes_.push_back(static_cast<uint8_t>(left | 0x80));
            bytes_.push_back(static_cast<uint8_t>(left));
        }
    }

public:
    static constexpr uint32_t NONE = UINT32_MAX;

    uint32_t size() const { return all_.size(); }

    uint32_t add(const uint32_t *numbers, size_t n) {
        encode(numbers, n);
        return all_.add(bytes_.data(), bytes_.size());
    }
    uint32_t find(const uint32_t *numbers, size_t n) {
        encode(numbers, n);
        return all_.find(bytes_.data(), bytes_.size());
    }
    template <class Each> void each(uint32_t id, Each each) const {
        const uint8_t *byte = all_.at(id), *end = byte + all_.length(id);
        while (byte != end) {
            uint32_t number = 0;
            int shift = 0;
            for (; *byte & 0x80; shift += 7)
                number |= static_cast<uint32_t>(*byte++ & 0x7f) << shift;
            each(number | static_cast<uint32_t>(*byte++) << shift);
        }
    }
};
