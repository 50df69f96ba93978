/* A player: the lanes' cursor, what happens now, and every task's state, for both kernels at one position. */

const SVG = "http://www.w3.org/2000/svg";

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
}

function swatch(state) {
  const svg = document.createElementNS(SVG, "svg");
  const rect = document.createElementNS(SVG, "rect");
  Object.entries({ class: "lanes", width: 16, height: 12, "aria-hidden": "true" }).forEach(([k, v]) => svg.setAttribute(k, v));
  const group = document.createElementNS(SVG, "g");
  group.setAttribute("class", "state");
  Object.entries({ x: 0.5, y: 0.5, width: 15, height: 11, class: state.replaceAll(" ", "-") }).forEach(([k, v]) => rect.setAttribute(k, v));
  group.append(rect);
  svg.append(group);
  return svg;
}

class Player {
  constructor(section, onMove) {
    this.section = section;
    this.key = section.id;
    this.onMove = onMove;
    this.broken = Number(section.dataset.position);
    this.position = this.broken;
    this.data = JSON.parse(section.querySelector("script.data").textContent);
    this.last = this.data.frames.length;
    this.slider = section.querySelector("input[type=range]");
    this.where = section.querySelector(".where");
    this.status = section.querySelector("[role=status]");
    this.operations = [...section.querySelectorAll(".operations li")];
    this.sides = [...section.querySelectorAll(".side")].map((node, i) => ({
      node,
      timeline: new Timeline(this.data.sides[i], this.data.strings, this.data.frames.map((frame) => frame[i])),
      steps: this.data.sides[i].steps,
      title: node.querySelector("h3").firstChild.textContent.trim(),
    }));
    section.querySelectorAll("[data-go]").forEach((button) => {
      button.addEventListener("click", () => this.go(button.dataset.go));
    });
    this.slider.addEventListener("input", () => this.move(Number(this.slider.value)));
    this.draw();
  }

  go(where) {
    const { position, last, data } = this;
    if (where === "first") this.move(0);
    else if (where === "last") this.move(last);
    else if (where === "previous") this.move(position - 1);
    else if (where === "next") this.move(position + 1);
    else if (where === "broken") this.move(this.broken);
    else if (where === "next-stop") {
      const next = data.stops.indexOf(1, position + 1);
      this.move(next < 0 ? last : next);
    } else if (where === "previous-stop" && position > 0) {
      this.move(Math.max(0, data.stops.lastIndexOf(1, position - 1)));
    }
  }

  /** Go to a position, and tell whoever listens. */
  move(position) {
    this.show(position);
    this.status.textContent = this.sentence();
    this.onMove(this);
  }

  show(position) {
    this.position = Math.min(this.last, Math.max(0, Math.trunc(position) || 0));
    this.draw();
  }

  sentence() {
    const parts = this.sides.map(({ title, now }) => `${title}: ${now.line}; oom_victims ${now.count}`);
    return `Step ${this.position} of ${this.last}. ${parts.join(". ")}.`;
  }

  draw() {
    this.slider.value = String(this.position);
    this.where.textContent = `${this.position} of ${this.last}`;
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
    const now = side.timeline.at(this.position);
    side.now = now;
    this.moveCursor(side.node.querySelector(".cursor"));
    const panel = side.node.querySelector(".now");
    panel.classList.toggle("waiting", now.happens === null);
    now.line = this.line(now.happens);
    panel.querySelector(".step").textContent = now.line;
    panel.querySelector(".calls").textContent = now.happens ? now.happens.calls.map((c) => `${c}()`).join(" → ") : "";
    panel.querySelector(".seen").replaceChildren(
      ...(now.happens ? now.happens.seen.map((text) => element("li", text)) : []),
      ...(now.happens ? now.happens.broken.map((claim) => element("li", `✗ broken: ${claim}`, { class: "broken-here" })) : []),
    );
    panel.querySelector(".kernel").textContent =
      `Its step ${now.number} of ${side.steps} · oom_victims ${now.count} · phase ${now.phase} · ${now.clock} ms`;
    const active = now.happens ? now.happens.task : "";
    side.node.querySelector("tbody").replaceChildren(...now.rows.map((row) => this.row(row, row.task === active)));
  }

  line(happens) {
    if (happens === null) return this.position === 0 ? "The machine has booted." : "Nothing here: the other kernel takes a step of its own.";
    return happens.text || `${happens.task}: ${happens.function}: ${happens.step}`;
  }

  row(row, active) {
    const made = element("tr", "", active ? { class: "active" } : {});
    const state = element("td");
    const marks = (row.marked ? ", marked" : "") + (row.memdie ? ", TIF_MEMDIE" : "");
    state.append(swatch(row.state), ` ${row.state}${marks}`);
    made.append(element("th", row.task, { scope: "row" }), state, element("td", row.at || "–"));
    return made;
  }

  moveCursor(cursor) {
    const [start, end] = [this.data.edges[this.position], this.data.edges[this.position + 1]];
    const width = Math.max(4, end - start);
    cursor.setAttribute("x", ((start + end - width) / 2).toFixed(1));
    cursor.setAttribute("width", width.toFixed(1));
  }
}
