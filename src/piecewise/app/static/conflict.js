/** Two windows changed the same knob or name: both values, until a person chooses one. */

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
 * @param {string} what a knob, "class" or "project"
 * @param {any} theirs the value of the other window
 * @param {any} ours
 * @param {() => unknown} use changes it to ours
 */
export function showConflict(what, theirs, ours, use) {
  close();
  const [theirText, ourText] = [theirs, ours].map((value) => words.value(value));
  const take = () => {
    close();
    use();
  };
  shown = element(
    "div",
    { class: "problem-bar conflict", role: "alert" },
    element("p", { text: words.conflict(what, theirText, ourText) }),
    element("button", { type: "button", text: words.keep(theirText), onclick: close }),
    element("button", { type: "button", text: words.use(ourText), onclick: take }),
  );
  document.querySelector(".strip")?.after(shown);
}
