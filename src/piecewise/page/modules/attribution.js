/** Attribution: how much each cell of the input matters for the class. */

import { rovingTabIndex } from "piecewise/grid.js";
import { legend, overlay } from "piecewise/overlay.js";
import { element } from "piecewise/text.js";

/**
 * @param {Walk} walk
 * @param {Open} open
 */
export function attributionSection(walk, open) {
  const { attributions, classes } = walk.data;
  if (!attributions.length) return null;
  const status = element("p", { class: "status", role: "status" });
  const figures = attributions.flatMap((one) => {
    const over = overlay(walk, one, (words) => (status.textContent = words), open);
    return over ? [element("figure", {}, over, legend(walk, one), caption(one))] : [];
  });
  const buttons = figures
    .map((figure) => figure.querySelector("button"))
    .filter((button) => button !== null);
  if (buttons.length) rovingTabIndex(buttons);
  return element(
    "section",
    { class: "attribution", id: "attribution" },
    element("h2", { text: `What mattered for ${classes[attributions[0].label]}` }),
    element("div", { class: "figures" }, ...figures),
    status,
  );
}

/** @param {Attribution} one */
function caption(one) {
  return element(
    "figcaption",
    {},
    element("strong", { text: one.method }),
    ` \u2013 ${one.description}`,
  );
}
