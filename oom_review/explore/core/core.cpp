// The C interface: nothing that C++ throws gets past it.
#include "core.h"

#include <exception>
#include <new>

#include "search.h"

struct core {
    Search search;
};

namespace {

template <class Teach> uint32_t taught(Teach teach) {
    try {
        return teach();
    } catch (const std::exception &) {
        return CORE_NOTHING;
    }
}

template <class Teach> uint32_t done(Teach teach) {
    return taught([&] {
        teach();
        return uint32_t{0};
    });
}

} // namespace

uint32_t core_version(void) { return CORE_VERSION; }

core *core_new(const core_questions *ask, int por, uint64_t states, double seconds, uint32_t small, double grown) {
    try {
        return new core{{*ask, por != 0, states, seconds, small, grown}};
    } catch (const std::bad_alloc &) {
        return nullptr;
    }
}

void core_free(core *c) { delete c; }

int core_run(core *c) {
    try {
        return c->search.run();
    } catch (const std::bad_alloc &) {
        return CORE_MEMORY;
    } catch (const std::exception &) {
        return CORE_BUG;
    }
}

void core_counted(const core *c, core_counts *counts) { *counts = c->search.counts; }

uint32_t core_kept(const core *c) { return c->search.kept(); }

uint32_t core_set(core *c, const uint64_t *words, uint32_t n) {
    return taught([&] { return c->search.set(words, n); });
}

uint32_t core_leaf(core *c, uint32_t own, uint32_t enemy, uint32_t flags, const uint32_t *slots, const uint32_t *values, uint32_t n,
                   const uint32_t *changes, uint32_t m) {
    return taught([&] {
        Leaf leaf{own, enemy, flags, {}, {}};
        for (uint32_t i = 0; i < n; i++)
            leaf.sets.emplace_back(slots[i], values[i]);
        for (uint32_t i = 0; i < m; i++)
            leaf.changes.push_back({changes[i], {}});
        return c->search.leaf(std::move(leaf));
    });
}

uint32_t core_waits(core *c, uint32_t waits, uint32_t guard) {
    return taught([&] { return c->search.waits({waits, guard}); });
}

uint32_t core_way(core *c, uint32_t kind, uint32_t who, const uint32_t *nodes, const uint32_t *slots, const uint32_t *values, uint32_t n,
                  uint32_t leaf) {
    return done([&] { c->search.trees.way(kind, who, nodes, slots, values, n, leaf); });
}

uint32_t core_forget(core *c, uint32_t kind, uint32_t who, uint32_t value) {
    return done([&] { c->search.trees.forget(kind, who, value); });
}

uint32_t core_slots(core *c, const uint32_t *defaults, uint32_t n) {
    return done([&] { c->search.slots(defaults, n); });
}

uint32_t core_values(core *c, uint32_t n) {
    return done([&] { c->search.values(n); });
}

uint32_t core_everybody(core *c, const uint32_t *who, uint32_t n) {
    return done([&] { c->search.everybody(who, n); });
}

uint32_t core_news(core *c, const uint32_t *slots, uint32_t n, uint32_t told, uint32_t absent) {
    return done([&] { c->search.news(slots, n, told, absent); });
}

uint32_t core_lists(core *c, const uint32_t *slots, uint32_t n) {
    return done([&] { c->search.orbits.lists(slots, n); });
}

uint32_t core_class(core *c, const uint32_t *who, uint32_t n, const uint32_t *slots, uint32_t width) {
    return done([&] { c->search.orbits.like(who, n, slots, width); });
}

uint32_t core_blocks(core *c, const uint32_t *who, uint32_t n, uint32_t bits) {
    return done([&] { c->search.orbits.blocks(who, n, bits); });
}

uint32_t core_renamed(core *c, const uint32_t *values, uint32_t n) {
    return done([&] { c->search.orbits.renamed(values, n); });
}
