/** The section of an interactive part of a lesson. */

import { element } from "piecewise/text.js";

/**
 * @param {string} title
 * @param {...(Node | null)} children
 */
export function partSection(title, ...children) {
  return element(
    "section",
    { class: "part", "aria-label": title },
    element("h2", { text: title }),
    ...children,
  );
}
