/* What the machine looks like at each position: no DOM in here.
   A position is a place on the slider; what readers see and what addresses say are the steps of the kernel that refutes the claim,
   counted as its replay counts them.  "57.2" is the second position after its step 57, where it waits or is asked for something. */

/** One kernel's run: entries of the replay, and the rows of all tasks summed up to any of them. */
class Timeline {
  constructor(side, strings, indices) {
    this.side = side;
    this.strings = strings;
    this.indices = indices;
  }

  /** The index of the last entry at or before that position, or -1 for the machine after boot. */
  lastEntry(position) {
    for (let p = position; p > 0; p -= 1) {
      if (this.indices[p - 1] >= 0) return this.indices[p - 1];
    }
    return -1;
  }

  /** All that is known at a position.  `happens`: the entry that happens right there, or null. */
  at(position) {
    const last = this.lastEntry(position);
    const rows = new Map();
    const put = (row) => rows.set(row[0], row);
    this.side.boot.forEach(put);
    const now = { number: 0, phase: "running", count: 0, clock: 0, rows: [] };
    for (let i = 0; i <= last; i += 1) {
      const entry = this.side.entries[i];
      (entry.rows || []).forEach(put);
      if (entry.number !== undefined) {
        Object.assign(now, { number: entry.number, count: entry.count, clock: entry.clock, phase: this.strings[entry.phase] });
      }
    }
    now.rows = [...rows.values()].map(([task, state, flags, at]) => ({
      task: this.strings[task],
      state: this.strings[state],
      marked: Boolean(flags & 1),
      memdie: Boolean(flags & 2),
      at: this.strings[at],
    }));
    const here = position > 0 ? this.indices[position - 1] : -1;
    now.happens = here >= 0 ? this.named(this.side.entries[here]) : null;
    if (now.happens) now.happens.cause = this.cause(here);
    return now;
  }

  named(entry) {
    const text = (n) => (n === undefined ? "" : this.strings[n]);
    const names = (n) => text(n).split(" ").filter(Boolean);
    return {
      number: entry.number || 0,
      text: text(entry.text),
      task: text(entry.task),
      function: text(entry.function),
      step: text(entry.step),
      source: text(entry.source),
      calls: (entry.calls || []).map(text),
      seen: (entry.seen || []).map(text),
      edges: (entry.edges || []).map(([words]) => text(words)),
      ready: names(entry.ready),
      wake: names(entry.wake),
      explored: (entry.explored || []).map(([task, outcome, end]) => ({ task: text(task), outcome: text(outcome), end: text(end) })),
      broken: (entry.broken || []).map(text),
      marked: entry.number !== undefined && entry.number === this.side.marked,
    };
  }

  /** What let the context of an entry go on, last before it: the step of another since its own last one, or null. */
  cause(index) {
    const { entries } = this.side;
    for (let i = index - 1; i >= 0 && entries[i].task !== entries[index].task; i -= 1) {
      const edge = (entries[i].edges || []).find(([, task]) => task === entries[index].task);
      if (edge) {
        return { number: entries[i].number, task: this.strings[entries[i].task], words: this.strings[edge[0]], position: this.indices.indexOf(i) + 1 };
      }
    }
    return null;
  }

  /** The positions of all steps in which a function of a name like that runs, with who takes them. */
  search(wanted) {
    const like = (n) => this.strings[n].toLowerCase().includes(wanted);
    return this.indices.flatMap((index, i) => {
      const entry = index < 0 ? {} : this.side.entries[index];
      if (entry.number === undefined || !(like(entry.function) || (entry.calls || []).some(like))) return [];
      return [{ position: i + 1, number: entry.number, task: this.strings[entry.task] }];
    });
  }
}

/** For each position, which step of the refuting kernel it is or comes after, as an address says it. */
function placesOf(data) {
  const { entries } = data.sides[data.side];
  let [number, after] = [0, 0];
  return ["0", ...data.frames.map((frame) => {
    const entry = frame[data.side] < 0 ? {} : entries[frame[data.side]];
    [number, after] = entry.number === undefined ? [number, after + 1] : [entry.number, 0];
    return after ? `${number}.${after}` : String(number);
  })];
}

/** The number of the operation that was asked for last, from 1; 0 before the first. */
function operationAt(data, position) {
  let number = 0;
  for (let p = 0; p < position; p += 1) {
    if (data.frames[p].some((index, side) => index >= 0 && data.sides[side].entries[index].operation)) number += 1;
  }
  return number;
}
