/* A player: both kernels at one position, the controls, and who listens to where it stands. */

class Player {
  constructor(section, onMove) {
    this.section = section;
    this.key = section.id;
    this.onMove = onMove;
    this.marked = Number(section.dataset.position);
    this.position = this.marked;
    this.data = JSON.parse(section.querySelector("script.data").textContent);
    this.places = placesOf(this.data);
    this.last = this.data.frames.length;
    this.hidden = new Set();
    this.slider = section.querySelector("input[type=range]");
    this.where = section.querySelector(".where");
    this.status = section.querySelector("[role=status]");
    this.operations = [...section.querySelectorAll(".operations li")];
    this.sides = [...section.querySelectorAll(".side")].map((node, i) => ({
      timeline: new Timeline(this.data.sides[i], this.data.strings, this.data.frames.map((frame) => frame[i])),
      lanes: new Lanes(node.querySelector("svg"), this.data.edges),
      panel: new Panel(node, this.data.sides[i], (position) => this.move(position)),
      title: node.querySelector("h3").firstChild.textContent.trim(),
    }));
    section.querySelectorAll("[data-go]").forEach((button) => {
      button.addEventListener("click", () => this.go(button.dataset.go));
    });
    section.querySelectorAll(".shown-lanes input").forEach((box) => {
      box.addEventListener("change", () => this.toggle(box.value, box.checked));
    });
    this.slider.addEventListener("input", () => this.move(Number(this.slider.value)));
    this.play = new Play(this);
    this.search = new Search(this);
    this.draw();
  }

  go(where) {
    const { position, last, data } = this;
    if (where === "first") this.move(0);
    else if (where === "last") this.move(last);
    else if (where === "previous") this.move(position - 1);
    else if (where === "next") this.move(position + 1);
    else if (where === "marked") this.move(this.marked);
    else if (where === "next-stop") this.move(this.nextStop());
    else if (where === "previous-stop" && position > 0) this.move(Math.max(0, data.stops.lastIndexOf(1, position - 1)));
  }

  nextStop() {
    const next = this.data.stops.indexOf(1, this.position + 1);
    return next < 0 ? this.last : next;
  }

  /** Where an address leads: to its place, or behind the last one. */
  positionOf(place) {
    const found = this.places.indexOf(place);
    return found < 0 ? this.last : found;
  }

  get place() {
    return this.places[this.position];
  }

  /** Go to a position as the reader wants it. */
  move(position) {
    this.play.pause();
    this.show(position);
    this.arrived();
  }

  /** Tell whoever listens where it stands. */
  arrived() {
    this.status.textContent = this.sentence();
    this.onMove(this);
  }

  show(position) {
    this.position = Math.min(this.last, Math.max(0, Math.trunc(position) || 0));
    this.draw();
  }

  toggle(task, shown) {
    if (shown) this.hidden.delete(task);
    else this.hidden.add(task);
    this.sides.forEach(({ lanes }) => lanes.hide(this.hidden));
    this.draw();
  }

  whereText() {
    const [number, after] = this.place.split(".");
    return `${after ? "after " : ""}step ${number} of ${this.data.sides[this.data.side].steps}`;
  }

  sentence() {
    const parts = this.sides.map(({ title, now }) => `${title}: ${now.line}; oom_victims ${now.count}`);
    const text = this.whereText();
    return `${text[0].toUpperCase()}${text.slice(1)}. ${parts.join(". ")}.`;
  }

  draw() {
    this.slider.value = String(this.position);
    this.where.textContent = this.whereText();
    this.section.dataset.position = String(this.position);
    const current = operationAt(this.data, this.position);
    this.operations.forEach((item, i) => {
      if (i + 1 === current) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    });
    this.sides.forEach((side) => this.drawSide(side));
    this.slider.setAttribute("aria-valuetext", this.sentence());
  }

  drawSide(side) {
    side.now = side.timeline.at(this.position);
    const { happens } = side.now;
    side.panel.show(side.now, this.position, this.hidden);
    side.lanes.show(this.position, happens && happens.cause && { position: happens.cause.position, to: happens.task });
  }
}
