// Summaries, as in summaries.py: what is below a state, as far as steps above it may race with it.
//
// A part has somebody, those whose steps come before (bits), and what is touched.  Parts stand in the order in which they came, as that
// decides which race is seen first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "interned.h"
#include "sets.h"

struct Part {
    uint64_t before;
    uint32_t who;
    uint32_t touched; // a set
    uint32_t id;      // among those that are kept, or UNKNOWN

    static constexpr uint32_t UNKNOWN = UINT32_MAX;

    bool same_key(const Part &other) const { return who == other.who && before == other.before; }
};

using Summary = std::vector<Part>;

// A step that was taken: by whom, what it touched, and what that conflicts with.
struct Step {
    uint32_t choice = 0, own = Sets::EMPTY, enemy = Sets::EMPTY;
};

// Finds parts of one summary by who and before; forgets all when a new one is begun.
class PartIndex {
    struct Place {
        uint64_t round = 0;
        uint32_t position = 0;
    };
    std::vector<Place> places_ = std::vector<Place>(64);
    uint64_t round_ = 0;

    size_t first(const Part &part) const {
        return ((part.before << 6 | part.who) * 0x9e3779b97f4a7c15u >> 20) & (places_.size() - 1);
    }

public:
    void begin(size_t most) {
        round_++;
        while (places_.size() < 2 * most)
            places_.resize(2 * places_.size());
    }

    // The part of `summary` with this key; if there is none it is noted that the part will stand at the end.
    Part *find_or_note(Summary &summary, const Part &part) {
        size_t i = first(part);
        for (; places_[i].round == round_; i = (i + 1) & (places_.size() - 1))
            if (summary[places_[i].position].same_key(part))
                return &summary[places_[i].position];
        places_[i] = {round_, static_cast<uint32_t>(summary.size())};
        return nullptr;
    }

    void note(const Summary &summary, size_t position) {
        size_t i = first(summary[position]);
        while (places_[i].round == round_)
            i = (i + 1) & (places_.size() - 1);
        places_[i] = {round_, static_cast<uint32_t>(position)};
    }
};

class Summaries {
    Sets &sets_;
    PartIndex index_;
    Interned<Fixed<uint32_t, 4>> parts_;
    InternedNumbers runs_; // of parts
    InternedNumbers kept_; // of runs
    std::vector<uint32_t> run_, scratch_;
    std::vector<Part> left_;
    std::vector<bool> gone_;
    std::vector<uint64_t> order_;

    void merge(Part &known, const Part &part) {
        uint32_t touched = sets_.unite(known.touched, part.touched);
        if (touched == known.touched)
            return;
        known.touched = touched;
        known.id = Part::UNKNOWN;
    }

public:
    using Race = std::pair<uint32_t, uint64_t>; // who, before

    explicit Summaries(Sets &sets) : sets_(sets) {}

    // summaries.step_above()
    void step_above(const Summary &below, const Step &step, Summary &above, std::vector<Race> *races) {
        uint64_t bit = uint64_t{1} << step.choice;
        above.clear();
        above.push_back({0, step.choice, step.own, Part::UNKNOWN});
        index_.begin(below.size() + 1);
        for (const Part &part : below) {
            if (part.who != step.choice && !(part.before & bit)) {
                if (!sets_.meet(step.enemy, part.touched)) {
                    above.push_back(part); // no other has this key: the others there are step.choice's, or have the bit
                    continue;
                }
                if (races)
                    races->emplace_back(part.who, part.before);
            }
            Part moved = part;
            if (!(part.before & bit))
                moved = {part.before | bit, part.who, part.touched, Part::UNKNOWN};
            if (Part *known = index_.find_or_note(above, moved))
                merge(*known, moved);
            else
                above.push_back(moved);
        }
    }

    // summaries.join(): `one` becomes both; `other` is left in any state.
    void join(Summary &one, Summary &other) {
        if (one.size() < other.size())
            one.swap(other);
        index_.begin(one.size() + other.size());
        for (size_t i = 0; i < one.size(); i++)
            index_.note(one, i);
        for (const Part &part : other) {
            if (Part *known = index_.find_or_note(one, part))
                merge(*known, part);
            else
                one.push_back(part);
        }
    }

    // summaries.leave_out_implied()
    void leave_out_implied(Summary &summary) {
        order_.clear();
        for (size_t i = 0; i < summary.size(); i++)
            if (summary[i].before) // by who, then by how many come before, then as they stand
                order_.push_back(uint64_t{summary[i].who} << 40 | uint64_t(__builtin_popcountll(summary[i].before)) << 32 | i);
        std::sort(order_.begin(), order_.end());
        left_.clear();
        gone_.assign(summary.size(), false);
        size_t first = 0; // of those left with the same who
        for (uint64_t place : order_) {
            const size_t i = static_cast<uint32_t>(place);
            const Part &part = summary[i];
            if (!left_.empty() && left_[first].who != part.who)
                first = left_.size();
            gone_[i] = std::any_of(left_.begin() + first, left_.end(), [&](const Part &by) {
                return (by.before & part.before) == by.before && sets_.within(part.touched, by.touched);
            });
            if (!gone_[i])
                left_.push_back(part);
        }
        size_t kept = 0;
        for (size_t i = 0; i < summary.size(); i++)
            if (!gone_[i])
                summary[kept++] = summary[i];
        summary.resize(kept);
    }

    // Whether a run ends with this part.  The part decides, not its place, so that what two summaries have in common is cut alike.
    static bool ends_run(uint32_t part) { return part * 0x9e3779b9u >> 29 == 0; }

    // For good: equal summaries, equal runs of parts in them, and equal parts, once.
    uint32_t keep(Summary &summary) {
        scratch_.clear();
        run_.clear();
        for (Part &part : summary) {
            if (part.id == Part::UNKNOWN) {
                uint32_t words[] = {part.who, static_cast<uint32_t>(part.before), static_cast<uint32_t>(part.before >> 32), part.touched};
                part.id = parts_.add(words, std::size(words));
            }
            run_.push_back(part.id);
            if (ends_run(part.id) || &part == &summary.back()) {
                scratch_.push_back(runs_.add(run_.data(), run_.size()));
                run_.clear();
            }
        }
        return kept_.add(scratch_.data(), scratch_.size());
    }

    void load(uint32_t kept, Summary &summary) const {
        summary.clear();
        kept_.each(kept, [&](uint32_t run) {
            runs_.each(run, [&](uint32_t id) {
                const uint32_t *words = parts_.at(id);
                summary.push_back({words[1] | static_cast<uint64_t>(words[2]) << 32, words[0], words[3], id});
            });
        });
    }
};
