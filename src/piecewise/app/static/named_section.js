/** A section that its heading names. */

import { element } from "piecewise/text.js";

/**
 * @param {string} name its class, and the id of its heading
 * @param {string} title
 * @param {(Node | null)[]} controls beside the heading
 * @param {...(Node | null)} children
 */
export function namedSection(name, title, controls, ...children) {
  const heading = element("h2", { id: name, text: title });
  return element(
    "section",
    { class: name, "aria-labelledby": name },
    element("header", {}, heading, ...controls),
    ...children,
  );
}
