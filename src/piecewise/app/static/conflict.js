/** Two windows turned the same knob: both values, until a person chooses one. */

import { turnKnob } from "app/turn.js";
import { words } from "app/words/conflict.js";
import { element } from "piecewise/text.js";

/** @type {HTMLElement | null} */
let shown = null;

/** Show nothing any more. */
function close() {
  shown?.remove();
  shown = null;
}

/**
 * @param {string} name of the knob
 * @param {any} theirs the value of the other window
 * @param {any} ours
 */
export function showConflict(name, theirs, ours) {
  close();
  const [theirText, ourText] = [theirs, ours].map((value) => words.value(value));
  const take = () => {
    close();
    turnKnob(name, ours);
  };
  shown = element(
    "div",
    { class: "problem-bar conflict", role: "alert" },
    element("p", { text: words.conflict(name, theirText, ourText) }),
    element("button", { type: "button", text: words.keep(theirText), onclick: close }),
    element("button", { type: "button", text: words.use(ourText), onclick: take }),
  );
  document.querySelector(".strip")?.after(shown);
}
