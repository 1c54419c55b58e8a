/** The keys of the page. Single letters and digits can be switched off. */

import { shownClasses } from "app/classes.js";
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

/**
 * @param {ReturnType<typeof import("app/places/look.js").look>} look
 * @param {ReturnType<typeof import("app/places/gather.js").gather>} gather
 * @param {HTMLDialogElement} help
 */
export function listenToKeys(look, gather, help) {
  /** @type {Record<string, () => void>} */
  const keys = {
    z: () => {
      if (state.place !== "look" || !look.undo()) change("POST", "/api/undo", {});
    },
    Z: () => change("POST", "/api/redo", {}),
    c: () => state.place === "look" && look.clear(),
    x: () => state.place === "gather" && gather.remove(),
    t: () => state.place === "gather" && gather.switchPart(),
    g: () => {
      awaitsPlace = true;
    },
    "?": () => help.showModal(),
  };
  /** @type {Record<string, string>} */
  const places = { g: "#/gather", l: "#/look" };
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.matches(TYPED_INTO);
    if (typing || help.open || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!hasSingleKeys()) return;
    if (awaitsPlace) {
      awaitsPlace = false;
      if (places[event.key]) location.hash = places[event.key];
      if (places[event.key]) return;
    }
    const chosen = /^[1-9]$/.test(event.key) ? shownClasses()[Number(event.key) - 1] : undefined;
    if (chosen && state.place === "look") look.choose(chosen);
    else if (chosen) gather.moveTo(chosen);
    else if (Object.hasOwn(keys, event.key)) keys[event.key]();
    else return;
    event.preventDefault();
  });
}
