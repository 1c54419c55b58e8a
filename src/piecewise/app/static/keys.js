/** The keys of the page. Single letters and digits can be switched off. */

import { shownClasses } from "app/classes.js";
import { loaded } from "app/places.js";
import { change } from "app/samples.js";
import { state } from "app/store.js";

const OFF = "piecewise keys off";
const TYPED_INTO = "input, select, textarea, [contenteditable]";
let awaitsPlace = false; // after G

export function hasSingleKeys() {
  return localStorage.getItem(OFF) === null;
}

/** @param {boolean} isOn */
export function setSingleKeys(isOn) {
  if (isOn) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "1");
}

/** The key that opens a place after G. @type {Record<string, PlaceName>} */
const PLACE_KEYS = { g: "gather", l: "look", t: "try", e: "learn", a: "take" };

/** @param {HTMLDialogElement} help */
export function listenToKeys(help) {
  /** @type {Record<string, () => void>} */
  const keys = {
    z: () => {
      if (!loaded[state.place]?.undo?.()) change("POST", "/api/undo", {});
    },
    Z: () => change("POST", "/api/redo", {}),
    g: () => {
      awaitsPlace = true;
    },
    "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.matches(TYPED_INTO);
    if (typing || help.open || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!hasSingleKeys()) return;
    if (awaitsPlace) {
      awaitsPlace = false;
      if (PLACE_KEYS[event.key]) location.hash = `#/${PLACE_KEYS[event.key]}`;
      if (PLACE_KEYS[event.key]) return;
    }
    const place = loaded[state.place];
    const own = { ...keys, ...place?.keys };
    const chosen = /^[1-9]$/.test(event.key) ? shownClasses()[Number(event.key) - 1] : undefined;
    if (chosen && place?.choose) place.choose(chosen);
    else if (Object.hasOwn(own, event.key)) own[event.key]();
    else return;
    event.preventDefault();
  });
}
