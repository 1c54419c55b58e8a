/**
 * The address holds the view, never data or the token:
 * #/look?on=train/O/0007.png&cell=conv2.8.8.2&attempt=4&hide=knobs,attempts
 * #/look?with=3&of=3&cell=conv2.8.8.2, a number of the attempt that is compared
 * #/learn/filtering?seed=7&hide=play
 */

import { state, update } from "app/store.js";

/** What a teacher can hide. */
const HIDEABLE = ["knobs", "attempts", "votes", "curve", "net", "answer", "play"];

/** The places that an address can name. @type {string[]} */
let known = [];

/**
 * The place and the view of the address.
 * @returns {{ place: string, view: ViewAddress }}
 */
function read() {
  const [path, query = ""] = location.hash.slice(2).split("?");
  const [place, lesson] = path.split("/");
  const values = Object.fromEntries(new URLSearchParams(query));
  return { place, view: lesson ? { ...values, lesson } : values };
}

/**
 * Take in the address; now and whenever it changes.
 * @param {PlaceName[]} places
 */
export function listenToAddress(places) {
  known = places;
  const take = () => {
    const { place, view } = read();
    if (!location.hash.includes("?")) keepOf(state.view, view);
    const hidden = (view.hide ?? "").split(",");
    for (const one of HIDEABLE)
      document.documentElement.classList.toggle(`hide-${one}`, hidden.includes(one));
    const found = places.find((one) => one === place) ?? "look";
    update(found === state.place ? { view } : { place: found, view });
  };
  addEventListener("hashchange", take);
  take();
}

/**
 * What stays when another place or lesson is opened: what is hidden, and the seed.
 * @param {ViewAddress} before
 * @param {ViewAddress} now
 */
function keepOf({ hide, seed }, now) {
  if (hide) now.hide = hide;
  if (seed) now.seed = seed;
}

/**
 * Change the view in the address; null takes a part of it away.
 * @param {Partial<Record<keyof ViewAddress, string | null>>} changes
 * @param {boolean} [isStep] whether the browser's Back leads to the view before
 */
export function setView(changes, isStep = true) {
  const { place } = read();
  if (known.includes(place) && place !== state.place) return; // it is being left
  const { lesson, ...values } = { ...state.view, ...changes };
  const kept = Object.entries(values).filter(([, value]) => value);
  const query = new URLSearchParams(/** @type {[string, string][]} */ (kept)).toString();
  const readable = query.replaceAll("%2F", "/").replaceAll("%2C", ",");
  const hash = `#/${state.place}${lesson ? `/${lesson}` : ""}${readable && `?${readable}`}`;
  if (hash === location.hash || (hash === "#/look" && !location.hash)) return;
  if (lesson) kept.push(["lesson", lesson]);
  state.view = /** @type {ViewAddress} */ (Object.fromEntries(kept));
  if (isStep) location.hash = hash;
  else history.replaceState(null, "", hash);
}

/** A number of the net as it is in the address. @param {Position} position */
export function cellText(position) {
  return position.join(".");
}

/**
 * The position that the address names; null if it names none.
 * @param {string | undefined} text
 * @returns {Position | null}
 */
export function cellOf(text) {
  const parts = (text ?? "").split(".");
  const numbers = parts.slice(1).map(Number);
  if (parts.length !== 4 || !numbers.every((one) => Number.isInteger(one) && one >= 0)) return null;
  return [parts[0], numbers[0], numbers[1], numbers[2]];
}
