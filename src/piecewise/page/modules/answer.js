/** The prediction: the input, the predicted class and the probabilities. */

import { bars } from "piecewise/bars.js";
import { legend, overlay } from "piecewise/overlay.js";
import { element, number, percent, separated } from "piecewise/text.js";

/**
 * @param {Walk} walk
 * @param {Open} open
 */
export function answerSection(walk, open) {
  const { data } = walk;
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
      : element("p", { class: "warning", text: `This page explains the class ${explained}.` }),
    data.reason ? element("p", { class: "reason", text: unbroken(data.reason.sentence) }) : null,
    data.reason ? evidence(data, data.reason) : null,
  );
  return element(
    "section",
    { class: "answer", "aria-label": "The answer" },
    input(walk, open),
    head,
    bars(data),
  );
}

/**
 * A sentence whose percentages stay on one line.
 * @param {string} sentence
 */
function unbroken(sentence) {
  return sentence.replace(/([<>]) (\d)/g, "$1\u00a0$2").replaceAll(" %", "\u00a0%");
}

/**
 * The numbers behind the sentence.
 * @param {ExplainData} data
 * @param {Reason} reason
 */
function evidence({ classes }, { label, rival, supporting, opposing, difference }) {
  const votes = [...supporting, ...opposing].map(
    ({ name, vote }) => `${name} ${vote > 0 ? "+" : ""}${number(vote, 3)}`,
  );
  return element(
    "details",
    { class: "evidence" },
    element("summary", { text: "the numbers" }),
    element("p", {
      class: "hint",
      text:
        `Votes for ${classes[label]} minus votes for ${classes[rival]}: ${votes.join(", ")}. All votes and biases ` +
        `together are the difference of the two logits, ${number(difference, 4)}.`,
    }),
  );
}

/**
 * The input with what mattered over it; a select chooses the method.
 * @param {Walk} walk
 * @param {Open} open
 */
function input(walk, open) {
  const { data } = walk;
  const figure = element("figure", { class: `input ${data.kind}` });
  const status = element("p", { class: "status", role: "status" });
  const maps = data.attributions.filter(({ method }) => walk.array(`attribution ${method}`));
  const stage = element("div", { class: "stage" });
  const key = element("div", { class: "key" });
  const choice = element(
    "select",
    { id: "heat-map" },
    ...maps.map(({ method }) => element("option", { value: method, text: method })),
    element("option", { value: "", text: "nothing" }),
  );
  const show = () => {
    const one = maps.find(({ method }) => method === choice.value);
    const over = one && overlay(walk, one, (words) => (status.textContent = words), open);
    stage.replaceChildren(over ?? plainInput(walk));
    key.replaceChildren(one ? legend(walk, one) : element("p", { class: "scale", text: "" }));
    if (one) key.append(element("p", { class: "hint", text: `${meaning(data, one)}.` }));
  };
  choice.addEventListener("change", show);
  show();
  const label = element("label", { for: "heat-map", text: "Over it: " });
  figure.append(stage);
  if (data.sound)
    figure.append(element("audio", { controls: true, src: data.sound, "aria-label": "The sound" }));
  const caption = element("p", { class: "quiet", text: description(data) });
  figure.append(element("figcaption", {}, caption, element("p", {}, label, choice), key, status));
  return figure;
}

/**
 * @param {ExplainData} data
 * @param {Attribution} attribution
 */
function meaning({ classes }, { method, label, description }) {
  return method === "occlusion"
    ? `How much the logit of ${classes[label]} falls, with ${description}`
    : description;
}

/**
 * The input without a heat map.
 * @param {Walk} walk
 */
function plainInput({ words, data }) {
  if (words) {
    const written = data.passages?.map(([text]) => text).join("") ?? data.text;
    const between = data.axes.columns.unit === "letters" ? "" : " ";
    const read = words.filter((word) => word !== "").join(between);
    return element("blockquote", { class: "coloured", text: written ?? read });
  }
  return data.image
    ? element("img", { src: data.image, alt: `The input: ${data.name || "an example"}` })
    : element("p", { text: "There is no image of this input." });
}

/** @param {ExplainData} data */
function description(data) {
  const { rows, columns } = data.axes;
  /** @param {Axis} axis */
  const ends = (axis) => [
    Math.min(...axis.spans.map(([low]) => low)),
    Math.max(...axis.spans.map(([, high]) => high)),
  ];
  if (data.axes.kind === "texts")
    return data.passages || data.text ? "the text" : "the text as the net reads it";
  if (data.kind !== "sounds") return "the image as the net reads it";
  const [from, to] = ends(columns).map((second) => number(Number(second.toFixed(2))));
  const [low, high] = ends(rows).map((hertz) => separated(Math.round(hertz)));
  return `the spectrogram: ${from} to ${to} s from left to right, ${low} to ${high} Hz from bottom to top`;
}
