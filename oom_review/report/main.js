/* Start: every player of the page, the overview, keys and addresses. */

const players = new Map();
let active = null;

function moved(player) {
  active = player;
  writeAddress(player, overview.query);
}

function filtered() {
  writeAddress(active && !active.section.hidden ? active : null, overview.query);
}

const overview = new Overview(document.querySelector("form.filter"), filtered);

/** Go where the address says; one without a filter leaves the filter as it is, unless that would hide what it names. */
function follow() {
  const { player, place, filter } = parseAddress(location.hash, players);
  if (filter) overview.set(filter);
  if (!player) return;
  const out = player.section.hidden;
  if (out) overview.set(new URLSearchParams());
  active = player;
  if (place !== null) player.show(player.positionOf(place));
  if (place !== null || filter || out) player.section.scrollIntoView();
  if (!filter && overview.query) writeAddress(player, overview.query);
}

const KEYS = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last" };

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const within = (selector) => event.target.closest && event.target.closest(selector);
  // What scrolls, is written in or chosen from keeps its keys.
  if (within("pre, .scroll, input[type=search], select")) return;
  const inPlayer = within(".player");
  const player = inPlayer ? players.get(inPlayer.id) : active;
  if (!player) return;
  if (event.key === "p" && inPlayer) player.play.button.click();
  if (!(event.key in KEYS)) return;
  event.preventDefault();
  const where = KEYS[event.key];
  player.go(event.shiftKey && event.key.startsWith("Arrow") ? `${where}-stop` : where);
}

document.querySelectorAll("section.player").forEach((section) => {
  if (section.querySelector("script.data")) players.set(section.id, new Player(section, moved));
  section.addEventListener("focusin", () => { active = players.get(section.id) || active; });
});
document.querySelectorAll("button.copy").forEach((button) => button.addEventListener("click", () => copyFrom(button)));
if (matchMedia("(max-width: 640px)").matches) document.querySelectorAll(".legend").forEach((d) => { d.open = false; });
document.addEventListener("keydown", onKey);
addEventListener("hashchange", follow);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
follow();
document.documentElement.dataset.ready = "yes";
