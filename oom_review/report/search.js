/* Search for a function: the steps in which it runs, each unbroken row of one context's steps as a button. */

class Search {
  constructor(player) {
    this.player = player;
    this.input = player.section.querySelector("input[type=search]");
    this.output = player.section.querySelector(".found");
    player.section.querySelector("datalist").replaceChildren(...this.functions().map((name) => element("option", "", { value: name })));
    this.input.addEventListener("input", () => this.list());
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.next();
    });
  }

  functions() {
    const { sides, strings } = this.player.data;
    const entries = sides.flatMap((side) => side.entries).filter((entry) => entry.number !== undefined);
    return [...new Set(entries.flatMap((entry) => [entry.function, ...(entry.calls || [])]))].map((n) => strings[n]).sort();
  }

  get wanted() {
    return this.input.value.trim().replace(/\(\)$/, "").toLowerCase();
  }

  /** For each kernel the rows of steps that match. */
  matches() {
    return this.player.sides.map((side) => {
      const rows = [];
      (this.wanted ? side.timeline.search(this.wanted) : []).forEach((step) => {
        const row = rows.at(-1);
        if (row && row.task === step.task && row.last === step.number - 1) row.last = step.number;
        else rows.push({ ...step, last: step.number });
      });
      return rows;
    });
  }

  list() {
    if (!this.wanted) {
      this.output.replaceChildren();
      return;
    }
    const lines = this.matches().map((rows, i) => {
      const line = element("p", `${this.player.sides[i].title}: ${rows.length ? "" : "no step"}`);
      rows.forEach((row) => {
        const steps = row.number === row.last ? row.number : `${row.number}–${row.last}`;
        const button = element("button", `${row.task} ${steps}`, { type: "button", class: "link" });
        button.addEventListener("click", () => this.player.move(row.position));
        line.append(button, " ");
      });
      return line;
    });
    this.output.replaceChildren(...lines);
  }

  /** Go to the next row of steps on either kernel; from the last on to the first. */
  next() {
    const places = this.matches().flat().map((row) => row.position).sort((a, b) => a - b);
    if (!places.length) return;
    this.player.move(places.find((p) => p > this.player.position) ?? places[0]);
  }
}
