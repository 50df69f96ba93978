/* What happens on one kernel at a position, in words, and the state of every task. */

const SVG = "http://www.w3.org/2000/svg";
const OUTCOMES = {
  breaks: ["✗", "the promise is broken, whatever follows"],
  keeps: ["✓", "the promise can still be kept"],
  unknown: ["?", "not known: the exploration hit a limit"],
};

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

class Panel {
  constructor(side, data, jump) {
    this.node = side.querySelector(".now");
    this.body = side.querySelector("tbody");
    this.data = data;
    this.jump = jump;
  }

  line(happens, position) {
    if (happens === null) return position === 0 ? "The machine has booted." : "Nothing here: the other kernel takes a step of its own.";
    return happens.text || `${happens.task}: ${happens.function}: ${happens.step}`;
  }

  show(now, position, hidden) {
    const { happens } = now;
    const find = (name) => this.node.querySelector(name);
    this.node.classList.toggle("waiting", happens === null);
    now.line = this.line(happens, position);
    find(".step").textContent = now.line;
    find(".mark").hidden = !(happens && happens.marked);
    find(".source").textContent = happens ? happens.source : "";
    find(".calls").textContent = happens ? happens.calls.map((c) => `${c}()`).join(" → ") : "";
    find(".seen").replaceChildren(...(happens ? this.seen(happens) : []));
    find(".cause").replaceChildren(...this.cause(happens));
    find(".others").replaceChildren(...this.others(happens));
    find(".kernel").textContent =
      `Step ${now.number} of ${this.data.steps} · oom_victims ${now.count} · phase ${now.phase} · ${now.clock} ms`;
    const active = happens ? happens.task : "";
    this.body.replaceChildren(...now.rows.filter((row) => !hidden.has(row.task)).map((row) => this.row(row, row.task === active)));
  }

  seen({ seen, edges, broken }) {
    return [
      ...seen.map((text) => element("li", text)),
      ...edges.filter((text) => !seen.includes(text)).map((text) => element("li", text, { class: "edge" })),
      ...broken.map((claim) => element("li", `✗ broken: ${claim}`, { class: "broken-here" })),
    ];
  }

  cause(happens) {
    if (!happens || !happens.cause) return [];
    const { number, task, words, position } = happens.cause;
    const back = element("button", `step ${number}`, { type: "button", class: "link" });
    back.addEventListener("click", () => this.jump(position));
    return ["It can go since ", back, `: ${task} ${words}`];
  }

  /** Who else could have taken this step, and what exploring from there came to. */
  others(happens) {
    if (!happens || !happens.number) return [];
    const { ready, wake, explored } = happens;
    if (!ready.length && !wake.length && !explored.length) return ["Nobody else could go."];
    const names = [...ready, ...wake.map((task) => `${task} if its sleep ends`)].join(", ");
    const told = element("p", "", { class: "told" });
    if (!explored.length) return [`Could go instead: ${names}. Not explored.`];
    const buttons = explored.map((other) => this.alternative(other, told));
    const rest = [...ready, ...wake].filter((task) => !explored.some((other) => other.task === task));
    return ["Could go instead: ", ...buttons, rest.length ? ` ${rest.join(", ")}: not explored.` : "", told];
  }

  alternative({ task, outcome, end }, told) {
    const [sign, meaning] = OUTCOMES[outcome];
    const button = element("button", `${sign} ${task}`, { type: "button", class: `other ${outcome}`, "aria-pressed": "false" });
    button.append(element("span", `, ${meaning}`, { class: "hidden" }));
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-pressed") !== "true";
      this.node.querySelectorAll(".other").forEach((b) => b.setAttribute("aria-pressed", String(b === button && open)));
      told.textContent = open ? `With a step of ${task} instead ${meaning}.${end ? ` An end: ${end}.` : ""}` : "";
    });
    return button;
  }

  row(row, active) {
    const made = element("tr", "", active ? { class: "active" } : {});
    const state = element("td");
    const marks = (row.marked ? ", marked" : "") + (row.memdie ? ", TIF_MEMDIE" : "");
    state.append(swatch(row.state), ` ${row.state}${marks}`);
    made.append(element("th", row.task, { scope: "row" }), state, element("td", row.at || "–"));
    return made;
  }
}
