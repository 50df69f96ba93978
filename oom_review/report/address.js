/* Addresses: #claim and #claim/step. */

/** [key, position], or null for an address that names no step of a player. */
function parseAddress(hash, players) {
  let text = hash.replace(/^#/, "");
  try {
    text = decodeURIComponent(text);
  } catch {
    return null;
  }
  const [key, step, ...rest] = text.split("/");
  const player = players.get(key);
  if (!player || rest.length || (step !== undefined && !/^\d{1,7}$/.test(step))) return null;
  return { player, position: step === undefined ? null : Number(step) };
}

let waiting = 0;

/** Put the step into the address bar: not more often than a browser likes, and never as a page to go back to. */
function writeAddress(player) {
  clearTimeout(waiting);
  waiting = setTimeout(() => history.replaceState(null, "", `#${player.key}/${player.position}`), 120);
}
