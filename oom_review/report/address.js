/* Addresses: #claim, #claim/step and, behind a question mark, the filter of the overview: #claim/57?kernel=patched&verdict=refuted. */

/** What an address names: a player or null, its place or null, and the filter, or null for none. */
function parseAddress(hash, players) {
  let text = hash.replace(/^#/, "");
  try {
    text = decodeURIComponent(text);
  } catch {
    text = "";
  }
  const [path, query] = text.split("?", 2);
  const [key, place, ...rest] = path.split("/");
  const player = rest.length ? null : players.get(key) || null;
  const named = place !== undefined && /^\d{1,7}(\.\d{1,5})?$/.test(place);
  return {
    player: place === undefined || named ? player : null,
    place: named ? place : null,
    filter: query === undefined ? null : new URLSearchParams(query),
  };
}

let waiting = 0;

/** Put the step and the filter into the address bar: not more often than a browser likes, and never as a page to go back to. */
function writeAddress(player, query) {
  clearTimeout(waiting);
  const path = player ? `${player.key}/${player.place}` : "";
  waiting = setTimeout(() => history.replaceState(null, "", `#${path}${query ? `?${query}` : ""}`), 120);
}
