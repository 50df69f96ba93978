// The search of search.py, decision by decision.  What is said there, why something is tried or left out, is not said again here.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "core.h"
#include "interned.h"
#include "orbits.h"
#include "sets.h"
#include "states.h"
#include "summaries.h"
#include "trees.h"

static constexpr uint32_t MOVE_ON = 0;
static constexpr uint32_t NONE = UINT32_MAX;

// Thrown where a run ends early: how, as core_run() returns it.
struct Stopped {
    int how;
};

struct Leaf {
    struct Change {
        uint32_t slot;
        std::vector<std::pair<uint32_t, uint32_t>> known; // the value before, and after
    };
    uint32_t own, enemy, flags;
    std::vector<std::pair<uint32_t, uint32_t>> sets; // slots and values
    std::vector<Change> changes;
    bool told = false;
};

struct Waits {
    uint32_t waits, guard;
};

struct Node {
    Slots state;
    Row row;
    uint32_t id; // of the state
    std::vector<uint32_t> enabled;
    std::vector<uint32_t> todo;
    size_t next; // in todo: those before were looked at
    uint64_t done;
    Step step; // the last that was taken here
    bool ordered;
    bool has_canonical;
    Row canonical;
    uint32_t renaming;
    Summary summary;
    uint32_t size;       // of the summary, when it was looked through
    uint32_t kept_below; // a state, if the summary is one step above that one's; or NONE
    Step kept_step;

    bool is_enabled(uint32_t who) const { return has(enabled, who); }
    bool is_todo(uint32_t who) const { return std::find(todo.begin() + next, todo.end(), who) != todo.end(); }
    void add(uint32_t who) {
        if (!(done >> who & 1) && !is_todo(who))
            todo.push_back(who);
    }
    static bool has(const std::vector<uint32_t> &all, uint32_t who) {
        return std::find(all.begin(), all.end(), who) != all.end();
    }
};

class Search {
    // Of a state that was met.
    struct Met {
        static constexpr uint32_t NO_STEP = (1u << 30) - 1;
        uint32_t summary = NONE; // or, with a step, the state below
        uint32_t step : 30;      // among steps_
        uint32_t left : 1;
        uint32_t ordered : 1;

        Met() : step(NO_STEP), left(false), ordered(false) {}
    };

    const core_questions ask_;
    const bool por_;
    const uint64_t most_states_;
    const double seconds_;
    const uint32_t small_;
    const double grown_;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();

    // What was taught.
    Slots defaults_;
    uint32_t values_ = 0;
    std::vector<uint32_t> everybody_, news_;
    uint32_t told_ = 0, absent_ = 0;
    std::vector<Leaf> leaves_;
    std::vector<Waits> waits_;
    Orbits::Ask ask_orbits_;

    // What was met.
    Sets sets_;
    Summaries summaries_{sets_};
    Pieces pieces_{defaults_};
    Rows states_;
    std::deque<Met> met_; // by state
    Rows like_;           // canonical states
    std::deque<std::pair<uint32_t, uint32_t>> like_met_; // a state, and its renaming
    Interned<Fixed<uint32_t, 3>> steps_;
    size_t size_ = 0; // slots of all states here; fewer than there are defaults if some came up since

    std::vector<std::unique_ptr<Node>> nodes_; // the path, and nodes to be used again
    size_t depth_ = 0;
    std::vector<uint32_t> choices_;
    uint32_t kept_ = NONE;

    // Working space.
    Slots next_, padded_;
    Row row_, canonical_row_;
    std::vector<uint32_t> now_;
    Summary above_, below_, lower_;
    std::vector<Summaries::Race> races_;

public:
    core_counts counts{0, 0, 1, 0, 0, 0};
    Trees trees;
    Orbits orbits;

    Search(const core_questions &questions, bool por, uint64_t states, double seconds, uint32_t small, double grown)
        : ask_(questions), por_(por), most_states_(states), seconds_(seconds), small_(small), grown_(grown) {
        ask_orbits_.anonymous = [this](uint32_t who, uint32_t value) { return ask(ask_.anonymous, who, value); };
        ask_orbits_.in_order = [this](uint32_t value) { return ask(ask_.in_order, value); };
        ask_orbits_.renamed = [this](const uint32_t *pairs, uint32_t n, uint32_t known) { ask(ask_.renamed, pairs, n, known); };
    }

    uint32_t kept() const { return kept_; }

    // Teaching

    uint32_t set(const uint64_t *words, uint32_t n) { return sets_.add(words, n); }
    uint32_t leaf(Leaf leaf) {
        leaves_.push_back(std::move(leaf));
        return static_cast<uint32_t>(leaves_.size() - 1);
    }
    uint32_t waits(Waits taught) {
        waits_.push_back(taught);
        return static_cast<uint32_t>(waits_.size() - 1);
    }
    void slots(const uint32_t *defaults, uint32_t n) { defaults_.insert(defaults_.end(), defaults, defaults + n); }
    void values(uint32_t n) { values_ = n; }
    void everybody(const uint32_t *who, uint32_t n) {
        everybody_.assign(who, who + n);
        for (uint32_t one : everybody_)
            if (one >= 64)
                throw std::out_of_range("a number of somebody");
    }
    void news(const uint32_t *slots, uint32_t n, uint32_t told, uint32_t absent) {
        news_.assign(slots, slots + n);
        told_ = told;
        absent_ = absent;
    }

    int run() {
        try {
            size_ = defaults_.size();
            next_ = defaults_;
            pieces_.row(next_, row_);
            enter(MOVE_ON, false, 0);
            while (depth_ && kept_ == NONE) {
                Node &node = top();
                uint32_t choice;
                if (next(node, choice))
                    go(node, choice);
                else
                    leave();
            }
            return CORE_DONE;
        } catch (const Stopped &stopped) {
            return stopped.how;
        }
    }

private:
    Node &top() { return *nodes_[depth_ - 1]; }

    // Questions

    // What is returned counts only if somebody has answered.
    template <class Answer, class... Parameters, class... Arguments>
    Answer ask(Answer (*question)(Parameters...), Arguments... arguments) const {
        const uint32_t before = *ask_.answered;
        if constexpr (std::is_void_v<Answer>) {
            question(static_cast<Parameters>(arguments)...);
            if (*ask_.answered == before)
                throw Stopped{CORE_FAILED};
        } else {
            Answer answer = question(static_cast<Parameters>(arguments)...);
            if (*ask_.answered == before)
                throw Stopped{CORE_FAILED};
            return answer;
        }
    }

    uint32_t step(uint32_t who, const Slots &state) {
        uint32_t found = trees.find(CORE_STEP, who, state);
        if (found == Trees::UNKNOWN) {
            ask(ask_.step, who, state.data(), state.size(), choices_.data(), choices_.size());
            found = trees.find(CORE_STEP, who, padded(state));
        }
        return known(found);
    }

    const Leaf &look(uint32_t who, const Slots &state) {
        uint32_t found = trees.find(CORE_LOOK, who, padded(state));
        if (found == Trees::UNKNOWN) {
            ask(ask_.look, who, state.data(), state.size(), choices_.data(), choices_.size());
            found = trees.find(CORE_LOOK, who, padded(state));
        }
        return leaves_.at(known(found));
    }

    Waits waits(uint32_t who, const Slots &state) {
        uint32_t found = trees.find(CORE_WAITS, who, padded(state));
        if (found == Trees::UNKNOWN) {
            ask(ask_.waits, who, state.data(), state.size(), choices_.data(), choices_.size());
            found = trees.find(CORE_WAITS, who, padded(state));
        }
        return waits_.at(known(found));
    }

    // A question after which nothing was learned would be asked for ever.
    static uint32_t known(uint32_t found) {
        if (found == Trees::UNKNOWN)
            throw Stopped{CORE_BUG};
        return found;
    }

    // With the slots that came up since.
    const Slots &padded(const Slots &state) {
        if (state.size() == defaults_.size())
            return state;
        padded_ = state;
        pad(padded_);
        return padded_;
    }
    void pad(Slots &state) const { state.insert(state.end(), defaults_.begin() + state.size(), defaults_.end()); }

    // Who can take a step.  Asked again from the first where somebody's answer was not known: he who asks answers for all of them.
    void who_can(const Slots &state, std::vector<uint32_t> &found) {
        for (int i = 0; i < 2; i++) {
            found.clear();
            bool all = true;
            for (uint32_t who : everybody_) {
                uint32_t can = trees.find(CORE_CAN, who, padded(state));
                if (can == CORE_IF_IT_FINDS) {
                    uint32_t look = trees.find(CORE_LOOK, who, padded(state));
                    if (look == Trees::UNKNOWN)
                        can = look;
                    else
                        can = leaves_.at(look).flags & CORE_FINDS ? CORE_YES : CORE_NO;
                }
                all = can != Trees::UNKNOWN;
                if (!all)
                    break;
                if (can == CORE_YES)
                    found.push_back(who);
            }
            if (all)
                return;
            if (i == 0)
                ask(ask_.can, state.data(), state.size(), choices_.data(), choices_.size());
        }
        throw Stopped{CORE_BUG};
    }

    // Model.after()
    void after(const Slots &state, uint32_t id) {
        next_ = state;
        for (auto [slot, value] : leaves_[id].sets)
            next_.at(slot) = value;
        for (size_t i = 0; i < leaves_[id].changes.size(); i++) {
            Leaf::Change &change = leaves_[id].changes[i];
            uint32_t &value = next_.at(change.slot);
            auto known = std::find_if(change.known.begin(), change.known.end(), [&](auto &pair) { return pair.first == value; });
            if (known == change.known.end()) {
                uint32_t now = ask(ask_.changed, id, i, value);
                leaves_[id].changes[i].known.emplace_back(value, now);
                value = now;
            } else {
                value = known->second;
            }
        }
        if (leaves_[id].flags & CORE_NEWS)
            for (uint32_t slot : news_)
                if (next_.at(slot) != absent_)
                    next_[slot] = told_;
    }

    // Search._grow()
    void grow() {
        if (orbits.any())
            ask(ask_.refresh);
        size_ = defaults_.size();
        like_.clear();
        like_met_.clear();
        for (size_t i = 0; i < depth_; i++) {
            pad(nodes_[i]->state);
            pieces_.row(nodes_[i]->state, nodes_[i]->row);
            nodes_[i]->has_canonical = false;
        }
    }

    // Search._next()
    static bool next(Node &node, uint32_t &choice) {
        while (node.next < node.todo.size()) {
            choice = node.todo[node.next++];
            if (!(node.done >> choice & 1))
                return true;
        }
        return false;
    }

    // Search._go()
    void go(Node &node, uint32_t choice) {
        uint32_t id = step(choice, node.state);
        if (defaults_.size() > size_)
            grow();
        counts.transitions++;
        node.step.choice = choice;
        node.done |= uint64_t{1} << choice;
        if (leaves_[id].flags & CORE_TELLS && !leaves_[id].told) {
            leaves_[id].told = true;
            ask(ask_.tell, id, choice, choices_.data(), choices_.size());
        }
        const uint32_t flags = leaves_[id].flags;
        if (!(flags & CORE_MOVES)) {
            if (flags & CORE_KEEPS)
                kept_ = id;
            return;
        }
        node.step.own = leaves_[id].own;
        node.step.enemy = leaves_[id].enemy;
        node.ordered = node.ordered || flags & CORE_ORDERED;
        if (choice != MOVE_ON && waits(choice, node.state).guard == CORE_OF_THE_LOOK) {
            const Leaf &seen = look(choice, node.state);
            node.step.own = sets_.unite(node.step.own, seen.own);
            node.step.enemy = sets_.unite(node.step.enemy, seen.enemy);
        }
        if (flags & CORE_LOSES) {
            cut(node);
            return;
        }
        after(node.state, id);
        choices_.push_back(choice);
        row_ = node.row;
        pieces_.row(next_, node.state, row_);
        if (!back_again(node, choice))
            go_on(node, choice);
    }

    // The next state was met before.
    bool back_again(Node &node, uint32_t choice) {
        uint32_t id = states_.find(row_);
        if (id == NONE)
            return false;
        counts.by_cache++;
        counts.cycles += !met_[id].left;
        node.ordered = node.ordered || !met_[id].left || met_[id].ordered;
        if (por_ && choice != MOVE_ON) {
            who_can(next_, now_);
            disabled(node, now_);
            if (!met_[id].left)
                throw Stopped{CORE_CYCLE};
            whole(id, below_);
            absorb(node, id, below_);
        }
        choices_.pop_back();
        return true;
    }

    void go_on(Node &node, uint32_t choice) {
        uint32_t renaming = 0;
        const bool symmetric = orbits.any();
        if (symmetric) {
            Slots canonical = next_;
            renaming = orbits.canonical(canonical, values_, ask_orbits_);
            canonical_row_ = row_;
            pieces_.row(canonical, next_, canonical_row_);
            uint32_t like = like_.find(canonical_row_);
            if (like != NONE && !met_[like_met_[like].first].ordered) {
                counts.by_symmetry++;
                if (por_ && choice != MOVE_ON) {
                    who_can(next_, now_);
                    disabled(node, now_);
                    whole(like_met_[like].first, below_);
                    orbits.rename(below_, like_met_[like].second, renaming, sets_);
                    absorb(node, NONE, below_);
                }
                choices_.pop_back();
                return;
            }
        }
        counts.executions += (node.done & (node.done - 1)) != 0;
        enter(choice, symmetric, renaming);
        if (por_ && choice != MOVE_ON)
            disabled(node, top().enabled);
    }

    // Search._cut()
    void cut(Node &node) {
        if (!por_)
            return;
        for (uint32_t who : node.enabled)
            node.add(who);
        below_.clear();
        absorb(node, NONE, below_);
    }

    // Search._disabled()
    static void disabled(Node &node, const std::vector<uint32_t> &now) {
        for (uint32_t who : node.enabled)
            if (who != node.step.choice && !Node::has(now, who))
                node.add(who);
    }

    void check_limits() {
        if (counts.states > most_states_)
            throw Stopped{CORE_STATES};
        if (!(counts.states & 63)) {
            std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun_;
            if (seconds_ >= 0 && passed.count() > seconds_)
                throw Stopped{CORE_SECONDS};
        }
        if (!(counts.states & 4095))
            ask(ask_.breathe);
    }

    // Search._enter(), for the state in next_ with the row in row_
    void enter(uint32_t last, bool has_canonical, uint32_t renaming) {
        counts.states++;
        check_limits();
        if (depth_ == nodes_.size())
            nodes_.push_back(std::make_unique<Node>());
        Node &node = *nodes_[depth_];
        who_can(next_, node.enabled);
        if (defaults_.size() > size_)
            grow();
        if (next_.size() < size_) {
            pad(next_);
            pieces_.row(next_, row_);
            has_canonical = false;
        }
        node.id = states_.add(row_);
        if (node.id == met_.size())
            met_.emplace_back();
        met_[node.id].left = false;
        node.state = next_;
        node.row = row_;
        node.todo.clear();
        node.next = 0;
        if (node.enabled.empty())
            node.todo.push_back(MOVE_ON);
        else if (!por_)
            node.todo = node.enabled;
        else
            node.todo.push_back(node.is_enabled(last) ? last : node.enabled.back());
        node.done = 0;
        node.step = {};
        node.ordered = false;
        node.has_canonical = has_canonical;
        if (has_canonical)
            node.canonical = canonical_row_;
        node.renaming = renaming;
        node.summary.clear();
        node.size = 0;
        node.kept_below = NONE;
        if (por_)
            wait(node);
        depth_++;
    }

    // Model.waiting()
    void wait(Node &node) {
        for (uint32_t who : everybody_) {
            if (node.is_enabled(who))
                continue;
            uint32_t touches = waits(who, node.state).waits;
            if (touches == CORE_OF_THE_LOOK)
                touches = look(who, node.state).own;
            if (touches != CORE_NOTHING)
                node.summary.push_back({0, who, touches, NONE});
        }
    }

    // Search._leave()
    void leave() {
        Node &node = top();
        depth_--;
        int64_t left_out = static_cast<int64_t>(node.enabled.size()) - __builtin_popcountll(node.done);
        counts.by_order += left_out > 0 ? left_out : 0;
        Met &met = met_[node.id];
        if (node.kept_below == NONE) {
            met.summary = summaries_.keep(node.summary);
            met.step = Met::NO_STEP;
        } else {
            const uint32_t words[] = {node.kept_step.choice, node.kept_step.own, node.kept_step.enemy};
            met.summary = node.kept_below;
            const uint32_t step = steps_.add(words, std::size(words));
            if (step >= Met::NO_STEP)
                throw std::length_error("too many steps");
            met.step = step;
        }
        met.ordered = node.ordered;
        met.left = true;
        if (node.has_canonical) {
            uint32_t like = like_.add(node.canonical);
            if (like == like_met_.size())
                like_met_.emplace_back(node.id, node.renaming);
        }
        if (!depth_)
            return;
        choices_.pop_back();
        Node &above = top();
        above.ordered = above.ordered || node.ordered;
        if (por_ && above.step.choice != MOVE_ON)
            absorb(above, node.id, node.summary);
    }

    // Kept.whole()
    void whole(uint32_t id, Summary &summary) {
        std::vector<uint32_t> steps;
        for (; met_[id].step != Met::NO_STEP; id = met_[id].summary)
            steps.push_back(met_[id].step);
        summaries_.load(met_[id].summary, summary);
        for (; !steps.empty(); steps.pop_back()) {
            const uint32_t *words = steps_.at(steps.back());
            summaries_.step_above(summary, {words[0], words[1], words[2]}, lower_, nullptr);
            summary.swap(lower_);
        }
    }

    // absorb(); `kept`: the state that `below` is the summary of, NONE if it has other names
    void absorb(Node &node, uint32_t kept, const Summary &below) {
        races_.clear();
        summaries_.step_above(below, node.step, above_, &races_);
        for (auto [who, before] : races_)
            race(node, who, before);
        node.kept_below = NONE;
        if (node.summary.empty()) {
            if (kept != NONE) {
                node.kept_below = kept;
                node.kept_step = node.step;
            }
            node.summary.swap(above_);
            return;
        }
        summaries_.join(node.summary, above_);
        if (node.summary.size() > std::max<double>(small_, grown_ * node.size)) {
            summaries_.leave_out_implied(node.summary);
            node.size = static_cast<uint32_t>(node.summary.size());
        }
    }

    // race()
    static void race(Node &node, uint32_t who, uint64_t before) {
        const bool can = node.is_enabled(who);
        if (!can && !before)
            return;
        before |= uint64_t{1} << who;
        uint32_t candidate = can ? who : NONE;
        for (uint32_t one : node.enabled) {
            if (!(before >> one & 1) || one == node.step.choice)
                continue;
            if (node.done >> one & 1 || node.is_todo(one))
                return;
            if (candidate == NONE)
                candidate = one;
        }
        if (candidate != NONE) {
            node.add(candidate);
            return;
        }
        for (uint32_t one : node.enabled)
            node.add(one);
    }
};
