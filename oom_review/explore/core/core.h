/*
 * The compiled search, as C: the depth-first search of search.py over the tables of a recorded system.
 *
 * The core knows numbers only.  A state is an array of numbers, one a slot.  What a step does, whether somebody can take one, and whether
 * it is worth a look, are leaves of decision trees over slots.  What a leaf touches is a set of bits.  Where a tree ends before it comes to
 * a leaf, the core asks: the answer is taught by the calls below, before the question returns.  It asks at the same moments as search.py
 * would and allots no number itself, so that both number alike and count alike.
 *
 * Everybody who takes steps has a number from 1 to 63; 0 is the choice of nobody.
 */
#ifndef OOM_REVIEW_CORE_H
#define OOM_REVIEW_CORE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes with whatever a caller has to know. */
#define CORE_VERSION 2

typedef struct core core;

/* What trees tell: what a step does; if an undisturbed look comes to anything; who can take a step; for what others wait. */
enum { CORE_STEP = 0, CORE_LOOK = 1, CORE_CAN = 2, CORE_WAITS = 3 };

/* What a leaf says beside its changes. */
enum {
    CORE_MOVES = 1,   /* there is a next state */
    CORE_FINDS = 2,   /* of a look: it is worth it */
    CORE_ORDERED = 4, /* goes by an order of like threads */
    CORE_NEWS = 8,    /* all slots for news are told */
    CORE_TELLS = 16,  /* an end, or something broken: tell() is called with the first path that leads there */
    CORE_LOSES = 32,  /* breaks what is to be kept */
    CORE_KEEPS = 64   /* an end in which it is kept: the search is over */
};

/* Leaves of CORE_CAN. */
enum { CORE_NO = 0, CORE_YES = 1, CORE_IF_IT_FINDS = 2 };
#define CORE_NOTHING UINT32_MAX
/* What decides is what the look of CORE_LOOK reads. */
#define CORE_OF_THE_LOOK (UINT32_MAX - 1)

/* How a run ended. */
enum { CORE_DONE = 0, CORE_STATES = 1, CORE_SECONDS = 2, CORE_CYCLE = 3, CORE_FAILED = 4, CORE_MEMORY = 5, CORE_BUG = 6 };

/*
 * Questions.  `state` has `n` slots and `path` the `depth` choices that lead there.  Whoever has answered counts `answered` up, as the last
 * that he does: a question after which it stands where it stood ends the run with CORE_FAILED.  No other sign is as sure: where Python
 * raises before the first line of a function, for a signal, ctypes returns whatever there is.
 */
typedef struct {
    const volatile uint32_t *answered;
    void (*step)(uint32_t who, const uint32_t *state, uint32_t n, const uint32_t *path, uint32_t depth);
    void (*look)(uint32_t who, const uint32_t *state, uint32_t n, const uint32_t *path, uint32_t depth);
    void (*waits)(uint32_t who, const uint32_t *state, uint32_t n, const uint32_t *path, uint32_t depth);
    void (*can)(const uint32_t *state, uint32_t n, const uint32_t *path, uint32_t depth); /* everybody, with the looks that it takes */
    uint32_t (*changed)(uint32_t leaf, uint32_t change, uint32_t value);
    void (*refresh)(void);                                       /* like threads, after slots came up */
    uint32_t (*anonymous)(uint32_t who, uint32_t value);        /* the value without the thread's name */
    uint32_t (*in_order)(uint32_t value);                       /* a list with its like threads in order */
    void (*renamed)(const uint32_t *pairs, uint32_t n, uint32_t known); /* core_renamed() with the values from `known` on */
    void (*tell)(uint32_t leaf, uint32_t choice, const uint32_t *path, uint32_t depth);
    void (*breathe)(void);                                       /* now and then */
} core_questions;

typedef struct {
    uint64_t states, transitions, executions, by_cache, by_order, by_symmetry, cycles;
} core_counts;

uint32_t core_version(void);

/*
 * `states` and `seconds` are limits, UINT64_MAX and a negative number for none.  A summary is looked through for what is implied when it
 * is larger than `small`, and `grown` times as large as when it was last.  0 if there is no memory.
 */
core *core_new(const core_questions *ask, int por, uint64_t states, double seconds, uint32_t small, double grown);
void core_free(core *c);

int core_run(core *c);
void core_counted(const core *c, core_counts *counts);
uint32_t core_kept(const core *c); /* the leaf of the end that keeps it, or CORE_NOTHING */

/*
 * Teaching.  All return CORE_NOTHING if there is no memory, or if what they are told makes no sense.
 */
uint32_t core_set(core *c, const uint64_t *words, uint32_t n); /* returns the number of a set of bits */
uint32_t core_leaf(core *c, uint32_t own, uint32_t enemy, uint32_t flags, const uint32_t *slots, const uint32_t *values, uint32_t n,
                   const uint32_t *changes, uint32_t m);       /* returns the leaf: `n` slots get values, `m` are asked for with changed() */
/* Returns a leaf of CORE_WAITS: the set that is waited for, and the one that decided that a step can be taken. */
uint32_t core_waits(core *c, uint32_t waits, uint32_t guard);
/* The way through a tree to a leaf: nodes, with the slot that each looks at and the value that it finds there. */
uint32_t core_way(core *c, uint32_t kind, uint32_t who, const uint32_t *nodes, const uint32_t *slots, const uint32_t *values, uint32_t n,
                  uint32_t leaf);
/* What is behind this value at the tree's first node; CORE_NOTHING for all of it. */
uint32_t core_forget(core *c, uint32_t kind, uint32_t who, uint32_t value);
uint32_t core_slots(core *c, const uint32_t *defaults, uint32_t n); /* more of them */
uint32_t core_values(core *c, uint32_t n);                     /* so many there are by now */
uint32_t core_everybody(core *c, const uint32_t *who, uint32_t n); /* in which order they are asked */
uint32_t core_news(core *c, const uint32_t *slots, uint32_t n, uint32_t told, uint32_t absent); /* a slot that holds `absent` is left alone */
uint32_t core_lists(core *c, const uint32_t *slots, uint32_t n); /* slots that hold lists; forgets the classes of before */
uint32_t core_class(core *c, const uint32_t *who, uint32_t n, const uint32_t *slots, uint32_t width); /* like threads, and the slots of each */
uint32_t core_blocks(core *c, const uint32_t *who, uint32_t n, uint32_t bits); /* who has the first block of so many bits in sets, ... */
uint32_t core_renamed(core *c, const uint32_t *values, uint32_t n); /* the answer to renamed() */

#ifdef __cplusplus
}
#endif
#endif
