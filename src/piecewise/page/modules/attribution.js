/** Attribution: how much each cell of the input matters for the class. */

import { rovingTabIndex, planeButton } from "piecewise/grid.js";
import { largestOf } from "piecewise/paint.js";
import { element, number } from "piecewise/text.js";

/** @param {Walk} walk */
export function attributionSection(walk) {
  const { attributions, classes } = walk.data;
  if (!attributions.length) return null;
  const status = element("p", { class: "status", role: "status" });
  const figures = attributions.flatMap((one) => {
    const matrix = walk.array(`attribution ${one.method}`);
    if (!matrix) return [];
    return [walk.words ? asWords(walk.words, one, matrix) : asMap(walk, one, matrix, status)];
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

/**
 * @param {Walk} walk
 * @param {Attribution} one
 * @param {Matrix} matrix
 * @param {HTMLElement} status
 */
function asMap(walk, one, { shape, values }, status) {
  const [rows, columns] = shape;
  const largest = largestOf(values);
  const plane = { values, start: 0, rows, columns, largest };
  /** @type {PlaneActions} */
  const actions = {
    name: (row, column) => walk.cellWords(row, column),
    onMove: (words) => (status.textContent = `${one.method}: ${words}`),
    open: () => {},
  };
  const button = planeButton(plane, actions, 224);
  button.classList.add("still");
  return element(
    "figure",
    {},
    button,
    caption(one),
    element("p", { class: "scale", text: scale(largest) }),
  );
}

/** @param {number} largest */
function scale(largest) {
  return `\u2212${number(largest, 3)} to ${number(largest, 3)}`;
}

/**
 * A text; the colour of each word shows how much it matters.
 * @param {string[]} words
 * @param {Attribution} one
 * @param {Matrix} matrix
 */
function asWords(words, one, { values }) {
  const largest = largestOf(values) || 1;
  const items = words
    .map((word, position) => ({ word, value: values[position] }))
    .filter(({ word }) => word !== "")
    .map(({ word, value }) => {
      const strength = Math.round((70 * Math.abs(value)) / largest);
      const mark = element("span", { class: "word", text: word, title: number(value) });
      mark.style.background = `color-mix(in srgb, var(--${value < 0 ? "below" : "above"}) ${strength * 0.6}%, transparent)`;
      return element("li", {}, mark, element("small", { text: number(value, 2) }));
    });
  return element("figure", {}, element("ol", { class: "words weighed" }, ...items), caption(one));
}
