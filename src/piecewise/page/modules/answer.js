/** The prediction: the input, the predicted class and the probabilities. */

import { element, percent } from "piecewise/text.js";

const CLASSES_SHOWN = 10;

/** @param {ExplainData} data */
export function answerSection(data) {
  const label = data.classes[data.predicted];
  const explained = data.classes[data.explained];
  const head = element(
    "div",
    { class: "verdict" },
    element("p", { class: "kicker", text: data.name || "an example" }),
    element("h1", {}, element("span", { class: "label", text: label })),
    element("p", {
      class: "confidence",
      text: `probability ${percent(data.probabilities[data.predicted])}`,
    }),
    data.warning
      ? element("p", { class: "warning", text: `A doubtful answer: ${data.warning}.` })
      : null,
    data.explained === data.predicted
      ? null
      : element("p", {
          class: "warning",
          text: `The sections below explain the class ${explained}.`,
        }),
  );
  return element(
    "section",
    { class: "answer", "aria-label": "The answer" },
    input(data),
    head,
    bars(data),
  );
}

/** @param {ExplainData} data */
function input(data) {
  if (data.axes.kind === "texts") {
    const words = data.axes.columns.labels.filter((word) => word !== "");
    return element(
      "figure",
      { class: "input text" },
      element("blockquote", { text: words.join(data.axes.columns.unit === "letters" ? "" : " ") }),
      element("figcaption", { text: "the text as the net reads it" }),
    );
  }
  const { rows, columns } = data.axes;
  /** @param {Axis} axis */
  const ends = (axis) => [
    Math.min(...axis.spans.map(([low]) => low)),
    Math.max(...axis.spans.map(([, high]) => high)),
  ];
  const [from, to] = ends(columns).map((second) => second.toFixed(2));
  const [low, high] = ends(rows).map(Math.round);
  /** @type {Record<string, string>} */
  const caption = {
    sounds: `the spectrogram: ${from} to ${to} s from left to right, ${low} to ${high} Hz from bottom to top`,
  };
  const figure = element("figure", { class: `input ${data.kind}` });
  if (data.image) {
    figure.append(
      element("img", { src: data.image, alt: `The input: ${data.name || "an example"}` }),
    );
  }
  if (data.sound)
    figure.append(element("audio", { controls: true, src: data.sound, "aria-label": "The sound" }));
  figure.append(
    element("figcaption", { text: caption[data.kind] ?? "the image as the net reads it" }),
  );
  return figure;
}

/**
 * A bar for each class, the most probable first.
 * @param {ExplainData} data
 */
function bars(data) {
  const { order } = data;
  const body = element("tbody");
  /** @param {number[]} indices */
  const add = (indices) => body.append(...indices.map((index) => bar(data, index)));
  add(order.slice(0, CLASSES_SHOWN));
  const more = element("button", {
    type: "button",
    class: "more",
    text: `show all ${order.length} classes`,
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
    element("td", { class: "track", "aria-hidden": "true" }, filled),
    element("td", { class: "number", text: percent(data.probabilities[index]) }),
  );
}
