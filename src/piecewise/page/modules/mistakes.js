/** The most confident mistakes, each with the nearest training examples. */

import { exampleOf } from "piecewise/examples.js";
import { reportSection } from "piecewise/parts.js";
import { element, number, percent } from "piecewise/text.js";

/** @param {EvaluateData} data */
export function mistakesSection(data) {
  const { mistakes, wrong, compared_examples: compared } = data;
  const few = mistakes.length < wrong ? `: ${mistakes.length} of ${wrong}` : "";
  return reportSection(
    "mistakes",
    `Mistakes, the most confident first${few}`,
    mistakes.length && compared
      ? `Next to each are the nearest of ${compared} training examples. The distance is measured between the inputs of the last layer.`
      : "",
    mistakes.length
      ? element("ol", { class: "cards" }, ...mistakes.map((one) => mistakeCard(data, one)))
      : element("p", { text: "There are no mistakes." }),
  );
}

/**
 * @param {ExampleData} data
 * @param {Mistake} one
 */
export function mistakeCard(data, one) {
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
        element("strong", { text: one.predicted }),
        ` (${percent(one.probability)}), true label `,
        element("strong", { text: one.label }),
        ` (${percent(one.label_probability)})`,
      ),
      element("p", { class: "quiet name", text: one.name }),
      one.neighbors.length
        ? element(
            "div",
            { class: "neighbors" },
            ...one.neighbors.map((near) => neighbor(data, near)),
          )
        : null,
    ),
  );
}

/**
 * @param {ExampleData} data
 * @param {Neighbor} near
 */
function neighbor(data, near) {
  const long = element("span", { class: "long-form", text: "distance " });
  const caption = element("figcaption", {}, `${near.label}, `, long, number(near.distance, 3));
  return element("figure", { class: "match" }, exampleOf(data, near.example), caption);
}
