/* What the machine looks like at each position: no DOM in here. */

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
    return now;
  }

  named(entry) {
    const text = (n) => this.strings[n];
    return {
      text: entry.text === undefined ? "" : text(entry.text),
      task: entry.task === undefined ? "" : text(entry.task),
      function: entry.function === undefined ? "" : text(entry.function),
      step: entry.step === undefined ? "" : text(entry.step),
      calls: (entry.calls || []).map(text),
      seen: (entry.seen || []).map(text),
      broken: (entry.broken || []).map(text),
    };
  }
}

/** The number of the operation that was asked for last, from 1; 0 before the first. */
function operationAt(data, position) {
  let number = 0;
  for (let p = 0; p < position; p += 1) {
    if (data.frames[p].some((index, side) => index >= 0 && data.sides[side].entries[index].operation)) number += 1;
  }
  return number;
}
