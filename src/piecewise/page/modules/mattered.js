/** What mattered: how much each cell of the input said for the class. */

import { oneStop, planeButton } from "piecewise/grid.js";
import { largestOf } from "piecewise/paint.js";
import { element, number } from "piecewise/text.js";

/** @param {Walk} walk */
export function matteredSection(walk) {
  const { mattered, classes } = walk.data;
  if (!mattered.length) return null;
  const told = element("p", { class: "told", role: "status" });
  const figures = mattered.flatMap((one) => {
    const matrix = walk.array(`mattered ${one.method}`);
    if (!matrix) return [];
    return [walk.words ? asWords(walk.words, one, matrix) : asMap(walk, one, matrix, told)];
  });
  const buttons = figures
    .map((figure) => figure.querySelector("button"))
    .filter((button) => button !== null);
  if (buttons.length) oneStop(buttons);
  return element(
    "section",
    { class: "mattered", id: "mattered" },
    element("h2", { text: `What mattered for ${classes[mattered[0].label]}` }),
    element("div", { class: "figures" }, ...figures),
    told,
  );
}

/** @param {Mattered} one */
function head(one) {
  return element("figcaption", {}, element("strong", { text: one.method }), ` \u2013 ${one.told}`);
}

/**
 * @param {Walk} walk
 * @param {Mattered} one
 * @param {Matrix} matrix
 * @param {HTMLElement} told
 */
function asMap(walk, one, { shape, values }, told) {
  const [rows, columns] = shape;
  const largest = largestOf(values);
  const plane = { values, start: 0, rows, columns, largest };
  /** @type {PlaneActions} */
  const on = {
    name: (row, column) => walk.cellWords(row, column),
    told: (words) => (told.textContent = `${one.method}: ${words}`),
    open: () => {},
  };
  const button = planeButton(plane, on, 224);
  button.classList.add("still");
  return element(
    "figure",
    {},
    button,
    head(one),
    element("p", { class: "scale", text: scale(largest) }),
  );
}

/** @param {number} largest */
function scale(largest) {
  return `\u2212${number(largest, 3)} to ${number(largest, 3)}`;
}

/**
 * A text with its words as strongly coloured as they mattered.
 * @param {string[]} words
 * @param {Mattered} one
 * @param {Matrix} matrix
 */
function asWords(words, one, { values }) {
  const largest = largestOf(values) || 1;
  const items = words
    .map((word, position) => ({ word, value: values[position] }))
    .filter(({ word }) => word !== "")
    .map(({ word, value }) => {
      const share = Math.round((70 * Math.abs(value)) / largest);
      const mark = element("span", { class: "word", text: word, title: number(value) });
      mark.style.background = `color-mix(in srgb, var(--${value < 0 ? "below" : "above"}) ${share * 0.6}%, transparent)`;
      return element("li", {}, mark, element("small", { text: number(value, 2) }));
    });
  return element("figure", {}, element("ol", { class: "words weighed" }, ...items), head(one));
}
