/** The most confident mistakes, each with the nearest training examples. */

import { exampleOf } from "piecewise/examples.js";
import { element, number, percent } from "piecewise/text.js";

/** @param {EvaluateData} data */
export function mistakesSection(data) {
  const wrong = data.wrong;
  const few = data.mistakes.length < wrong ? `: ${data.mistakes.length} of ${wrong}` : "";
  const section = element(
    "section",
    { class: "mistakes", id: "mistakes" },
    element("h2", { text: `Mistakes, the most confident first${few}` }),
  );
  if (!data.mistakes.length) {
    section.append(element("p", { text: "There are no mistakes." }));
    return section;
  }
  if (data.compared_examples) {
    section.append(
      element("p", {
        class: "hint",
        text: `Next to each are the nearest of ${data.compared_examples} training examples. The distance is measured between the inputs of the last layer.`,
      }),
    );
  }
  section.append(
    element("ol", { class: "cards" }, ...data.mistakes.map((one) => mistakeCard(data, one))),
  );
  return section;
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
