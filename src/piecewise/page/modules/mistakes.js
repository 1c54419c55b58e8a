/** The most confident mistakes, each beside the examples learned from that are nearest to it. */

import { exampleOf } from "piecewise/examples.js";
import { element, number, percent } from "piecewise/text.js";

/** @param {EvaluateData} data */
export function mistakesSection(data) {
  const wrong = data.scores.n - Math.round(data.scores.n * data.scores.accuracy);
  const few = data.mistakes.length < wrong ? `: ${data.mistakes.length} of ${wrong}` : "";
  const section = element(
    "section",
    { class: "mistakes", id: "mistakes" },
    element("h2", { text: `Mistakes, the surest first${few}` }),
  );
  if (!data.mistakes.length) {
    section.append(element("p", { text: "There are none." }));
    return section;
  }
  if (data.compared) {
    section.append(
      element("p", {
        class: "hint",
        text: `Beside each, the nearest of ${data.compared} examples learned from, by the values that the last layer reads.`,
      }),
    );
  }
  section.append(element("ol", { class: "cards" }, ...data.mistakes.map((one) => card(data, one))));
  return section;
}

/**
 * @param {EvaluateData} data
 * @param {Mistake} one
 */
function card(data, one) {
  return element(
    "li",
    { class: "card" },
    exampleOf(data, one.example, 96),
    element(
      "div",
      {},
      element(
        "p",
        {},
        element("strong", { text: one.answer }),
        ` (${percent(one.probability)}), right is `,
        element("strong", { text: one.right }),
        ` (${percent(one.chance)})`,
      ),
      element("p", { class: "quiet name", text: one.name }),
      one.near.length
        ? element("div", { class: "near" }, ...one.near.map((near) => neighbour(data, near)))
        : null,
    ),
  );
}

/**
 * @param {EvaluateData} data
 * @param {Neighbour} near
 */
function neighbour(data, near) {
  const words = `${near.label}, ${number(near.distance, 3)} away`;
  return element(
    "figure",
    { class: "match" },
    exampleOf(data, near.example),
    element("figcaption", { text: words }),
  );
}
