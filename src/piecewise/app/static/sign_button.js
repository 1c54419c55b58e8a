/** A button that shows a sign, such as a minus. */

import { element } from "piecewise/text.js";

/**
 * @param {string} sign
 * @param {string} label what the button does
 * @param {() => unknown} press
 * @param {string} [key] tells it from others after the page has been made again
 */
export function signButton(sign, label, press, key) {
  return element("button", {
    type: "button",
    text: sign,
    "aria-label": label,
    "data-key": key,
    onclick: press,
  });
}
