/* The overview's filter: by claim, kernel and verdict, or those of them that the page has.  What it leaves out goes from the table and from the players below. */

class Overview {
  constructor(form, onChange) {
    this.form = form;
    this.selects = [...form.querySelectorAll("select")];
    this.status = form.querySelector("[role=status]");
    this.table = document.querySelector(".verdicts");
    form.addEventListener("change", () => { this.apply(); onChange(); });
    form.addEventListener("reset", () => { this.set(new URLSearchParams()); onChange(); });
    form.addEventListener("submit", (event) => event.preventDefault());
    this.apply();
  }

  /** The filter as an address says it. */
  get query() {
    const chosen = this.selects.filter((select) => select.value).map((select) => [select.name, select.value]);
    return new URLSearchParams(chosen).toString();
  }

  /** Choose by an address; a value that nobody offers counts as none. */
  set(params) {
    this.selects.forEach((select) => {
      const wanted = params.get(select.name) || "";
      select.value = [...select.options].some((option) => option.value === wanted) ? wanted : "";
    });
    this.apply();
  }

  matches({ claim, kernel, verdict, unexpected }) {
    const wanted = Object.fromEntries(this.selects.map((select) => [select.name, select.value]));
    return (!wanted.claim || wanted.claim === claim)
      && (!wanted.kernel || wanted.kernel === kernel)
      && (!wanted.verdict || wanted.verdict === verdict || (wanted.verdict === "unexpected" && unexpected !== undefined));
  }

  apply() {
    const { kernel } = this.form.elements;
    this.table.querySelectorAll("[data-kernel]").forEach((cell) => { cell.hidden = Boolean(kernel.value) && cell.dataset.kernel !== kernel.value; });
    let shown = 0;
    const cells = [...this.table.querySelectorAll("td[data-kernel]")];
    cells.forEach((cell) => {
      const match = this.matches(cell.dataset);
      cell.classList.toggle("out", !match);
      shown += match;
    });
    this.table.querySelectorAll("tbody tr").forEach((row) => { row.hidden = !row.querySelector("td:not(.out)"); });
    document.querySelectorAll("section.player").forEach((section) => { section.hidden = !this.matches(section.dataset); });
    this.status.textContent = this.query ? `${shown} of ${cells.length} ${this.form.dataset.counted}` : `${cells.length} ${this.form.dataset.counted}`;
  }
}
