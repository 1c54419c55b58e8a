/**
 * A file that is dropped anywhere while an element is shown comes to that element: it is not
 * imported among the samples.
 */

import { element } from "piecewise/text.js";

/** @type {{ owner: HTMLElement, take: (file: File) => unknown } | null} */
let current = null;
const over = element("div", { class: "drop-over", hidden: true });

/**
 * @param {HTMLElement} owner
 * @param {string} text that says where the file goes
 * @param {(file: File) => unknown} take
 */
export function listenToFile(owner, text, take) {
  over.textContent = text;
  current = { owner, take };
}

/** Whether a drop is for the element that is shown. @param {DragEvent} event */
function isOurs(event) {
  const isShown = current !== null && current.owner.offsetParent !== null;
  return isShown && (event.dataTransfer?.types.includes("Files") ?? false);
}

/** @param {DragEvent} event */
function hold(event) {
  event.preventDefault();
  event.stopPropagation();
}

addEventListener(
  "dragover",
  (event) => {
    if (!isOurs(event)) return;
    hold(event);
    if (!over.isConnected) document.body.append(over);
    over.hidden = false;
  },
  true,
);
addEventListener(
  "dragleave",
  (event) => {
    if (!event.relatedTarget) over.hidden = true;
  },
  true,
);
addEventListener(
  "drop",
  (event) => {
    over.hidden = true;
    if (!isOurs(event)) return;
    hold(event);
    const file = event.dataTransfer?.files[0];
    if (file) current?.take(file);
  },
  true,
);
