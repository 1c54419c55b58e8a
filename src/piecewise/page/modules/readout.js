/** The number at the cursor, beside the pointer or the cell that the arrow keys reached. */

import { element } from "piecewise/text.js";

const readout = element("div", { class: "readout", "aria-hidden": "true", hidden: true });
const AWAY = 14; // pixels

/**
 * Show words near a point of the window, inside of it. Screen readers get them from a status.
 * @param {string} words
 * @param {number} x
 * @param {number} y
 */
export function showReadout(words, x, y) {
  if (!readout.isConnected) document.body.append(readout);
  readout.textContent = words;
  readout.hidden = false;
  const { width, height } = readout.getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const left = Math.max(0, Math.min(x + AWAY, clientWidth - width - 4));
  const below = y + AWAY + height < clientHeight;
  readout.style.left = `${left}px`;
  readout.style.top = `${below ? y + AWAY : Math.max(0, y - AWAY - height)}px`;
}

export function hideReadout() {
  readout.hidden = true;
}
