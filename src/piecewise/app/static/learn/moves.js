/** Buttons that move something up, down, left and right, which the arrow keys do, too. */

import { learnWords as words } from "app/words/learn.js";
import { element } from "piecewise/text.js";

/** @type {Record<string, [down: number, right: number]>} */
const MOVES = { Up: [-1, 0], Down: [1, 0], Left: [0, -1], Right: [0, 1] };

/**
 * @param {string} label what is moved
 * @param {(down: number, right: number) => unknown} move
 * @param {Node[]} others more buttons
 */
export function moveButtons(label, move, ...others) {
  const buttons = Object.entries(MOVES).map(([name, by]) =>
    element("button", { type: "button", text: words.move[name], onclick: () => move(...by) }),
  );
  const set = { class: "row", role: "group", "aria-label": label };
  const group = element("div", set, ...buttons, ...others);
  group.addEventListener("keydown", (event) => {
    const by = MOVES[event.key.replace("Arrow", "")];
    if (!event.key.startsWith("Arrow") || !by) return;
    event.preventDefault();
    move(...by);
  });
  return group;
}
