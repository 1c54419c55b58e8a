/** The answer: what went in, what the net says, and how sure it is. */

import { element, percent } from "piecewise/text.js";

const FIRST = 10;

/** @param {ExplainData} data */
export function answerSection(data) {
  const label = data.classes[data.answer];
  const explained = data.classes[data.explained];
  const head = element(
    "div",
    { class: "verdict" },
    element("p", { class: "kicker", text: data.name || "an example" }),
    element("h1", {}, element("span", { class: "label", text: label })),
    element("p", { class: "sure", text: `${percent(data.probabilities[data.answer])} sure` }),
    data.remark
      ? element("p", { class: "remark", text: `A doubtful answer: ${data.remark}.` })
      : null,
    data.explained === data.answer
      ? null
      : element("p", {
          class: "remark",
          text: `What follows is explained for the class ${explained}.`,
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
      element("figcaption", { text: "the text, as the net reads it" }),
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
    sounds: `the sound as a picture: ${from} to ${to} s from left to right, ${low} to ${high} Hz from below`,
  };
  const figure = element("figure", { class: `input ${data.kind}` });
  if (data.picture) {
    figure.append(
      element("img", { src: data.picture, alt: `The input: ${data.name || "an example"}` }),
    );
  }
  if (data.sound)
    figure.append(element("audio", { controls: true, src: data.sound, "aria-label": "The sound" }));
  figure.append(
    element("figcaption", { text: caption[data.kind] ?? "the picture, as the net sees it" }),
  );
  return figure;
}

/**
 * A bar a class, the likeliest first.
 * @param {ExplainData} data
 */
function bars(data) {
  const { order } = data;
  const body = element("tbody");
  /** @param {number[]} some */
  const add = (some) => body.append(...some.map((index) => bar(data, index)));
  add(order.slice(0, FIRST));
  const more = element("button", {
    type: "button",
    class: "more",
    text: `show all ${order.length} classes`,
    onclick: () => {
      add(order.slice(FIRST));
      more.remove();
    },
  });
  const table = element(
    "table",
    { class: "chances" },
    element("caption", { text: "How likely each class is" }),
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
  return element("div", { class: "bars" }, table, order.length > FIRST ? more : null);
}

/**
 * @param {ExplainData} data
 * @param {number} index
 */
function bar(data, index) {
  const filled = element("span", { class: "chance" });
  filled.style.width = `${Math.max(0.5, 100 * data.probabilities[index])}%`;
  return element(
    "tr",
    { class: index === data.answer ? "first" : null },
    element("th", { scope: "row", text: data.classes[index] }),
    element("td", { class: "track", "aria-hidden": "true" }, filled),
    element("td", { class: "number", text: percent(data.probabilities[index]) }),
  );
}
