/** The probabilities of the classes as bars. */

import { element, percent, separated } from "piecewise/text.js";

const CLASSES_SHOWN = 10;

/**
 * A bar for each class, the most probable first.
 * @param {ExplainData} data
 */
export function bars(data) {
  const { order } = data;
  const body = element("tbody");
  /** @param {number[]} indices */
  const add = (indices) => body.append(...indices.map((index) => bar(data, index)));
  add(order.slice(0, CLASSES_SHOWN));
  const more = element("button", {
    type: "button",
    class: "more",
    text: `show all ${separated(order.length)} classes`,
    onclick: () => {
      add(order.slice(CLASSES_SHOWN));
      more.remove();
    },
  });
  const table = element(
    "table",
    { class: "probabilities" },
    element("caption", { text: "Probability of each class" }),
    element(
      "thead",
      { class: "quiet" },
      element(
        "tr",
        {},
        ...["class", "", "probability"].map((text) => element("th", { scope: "col", text })),
      ),
    ),
    body,
  );
  table.querySelector("th:nth-child(2)")?.replaceWith(element("td"));
  return element("div", { class: "bars" }, table, order.length > CLASSES_SHOWN ? more : null);
}

/**
 * @param {ExplainData} data
 * @param {number} index
 */
function bar(data, index) {
  const filled = element("span", { class: "probability-bar" });
  filled.style.width = `${Math.max(0.5, 100 * data.probabilities[index])}%`;
  return element(
    "tr",
    { class: index === data.predicted ? "first" : null },
    element("th", { scope: "row", text: data.classes[index] }),
    element("td", { "aria-hidden": "true" }, element("div", { class: "track" }, filled)),
    element("td", { class: "number", text: percent(data.probabilities[index]) }),
  );
}
