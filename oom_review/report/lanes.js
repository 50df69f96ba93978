/* The picture of one kernel: its cursor, the arrows of a step, and lanes that are hidden. */

const LANES_TOP = 42;
const LANE = 16;
const LANE_STEP = 28;

class Lanes {
  constructor(svg, edges) {
    this.svg = svg;
    this.edges = edges;
    this.cursor = svg.querySelector(".cursor");
    this.lanes = [...svg.querySelectorAll(".lane")];
    this.arrows = [...svg.querySelectorAll(".arrow")];
    this.below = svg.querySelector(".below");
    [, , this.width, this.height] = svg.getAttribute("viewBox").split(" ").map(Number);
  }

  /** Put the cursor on a position; arrows of the step there stand out, and so does the one that let its context go on. */
  show(position, cause) {
    const [start, end] = [this.edges[position], this.edges[position + 1]];
    const width = Math.max(4, end - start);
    this.cursor.setAttribute("x", ((start + end - width) / 2).toFixed(1));
    this.cursor.setAttribute("width", width.toFixed(1));
    this.arrows.forEach((arrow) => {
      const at = Number(arrow.dataset.position);
      arrow.classList.toggle("now", at === position);
      arrow.classList.toggle("led-here", Boolean(cause) && at === cause.position && arrow.dataset.to === cause.to);
    });
  }

  /** Leave out the lanes of these tasks; the others close up. */
  hide(hidden) {
    // The step to blame is drawn over everything, in a group of its own that belongs to a lane.
    const tasks = [...new Set(this.lanes.map((lane) => lane.dataset.task))];
    const tops = new Map(tasks.filter((task) => !hidden.has(task)).map((task, i) => [task, LANES_TOP + LANE_STEP * i]));
    this.lanes.forEach((lane) => {
      const top = tops.get(lane.dataset.task);
      lane.toggleAttribute("hidden", top === undefined);
      if (top !== undefined) lane.setAttribute("transform", `translate(0 ${top})`);
    });
    this.arrows.forEach((arrow) => {
      const { from, to, x } = arrow.dataset;
      const shown = tops.has(from) && tops.has(to);
      arrow.toggleAttribute("hidden", !shown);
      if (shown) arrow.setAttribute("d", arrowPath(x, tops.get(from), tops.get(to)));
    });
    const up = LANE_STEP * (tasks.length - tops.size);
    this.below.setAttribute("transform", `translate(0 ${-up})`);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height - up}`);
  }
}

/** From one lane's edge to the other's, with a head; draw.py says the same. */
function arrowPath(x, here, there) {
  const down = there > here;
  const [start, end] = down ? [here + LANE, there] : [here, there + LANE];
  const head = down ? 4 : -4;
  return `M${x} ${start}V${end}m-2.5 ${-head}l2.5 ${head}l2.5 ${-head}`;
}
