/* Start: every player of the page, its keys and its addresses. */

const players = new Map();
let active = null;

function moved(player) {
  active = player;
  writeAddress(player);
}

function follow() {
  const address = parseAddress(location.hash, players);
  if (!address) return;
  active = address.player;
  if (address.position !== null) {
    active.show(address.position);
    active.section.scrollIntoView();
  }
}

const KEYS = { ArrowLeft: "previous", ArrowRight: "next", Home: "first", End: "last" };

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in KEYS)) return;
  const inPlayer = event.target.closest ? event.target.closest(".player") : null;
  // What scrolls by itself keeps its keys.
  if (event.target.closest && event.target.closest("pre, .scroll")) return;
  const player = inPlayer ? players.get(inPlayer.id) : active;
  if (!player) return;
  event.preventDefault();
  const where = KEYS[event.key];
  player.go(event.shiftKey && event.key.startsWith("Arrow") ? `${where}-stop` : where);
}

document.querySelectorAll("section.player").forEach((section) => {
  if (section.querySelector("script.data")) players.set(section.id, new Player(section, moved));
  section.addEventListener("focusin", () => { active = players.get(section.id) || active; });
});
document.querySelectorAll("button.copy").forEach((button) => button.addEventListener("click", () => copyFrom(button)));
document.addEventListener("keydown", onKey);
addEventListener("hashchange", follow);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
follow();
document.documentElement.dataset.ready = "yes";
