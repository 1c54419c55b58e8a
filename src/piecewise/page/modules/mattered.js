/** What mattered: how much each cell of the input said for the class. */

import { oneStop, planeButton } from "piecewise/grid.js";
import { largestOf } from "piecewise/paint.js";
import { element, number } from "piecewise/text.js";

export function matteredSection(walk) {
  const { mattered, classes } = walk.data;
  if (!mattered.length) return null;
  const told = element("p", { class: "told", role: "status" });
  const shown = mattered.filter((one) => walk.array(`mattered ${one.method}`));
  const figures = shown.map((one) => (walk.words ? asWords(walk, one) : asMap(walk, one, told)));
  const buttons = figures.map((figure) => figure.querySelector("button.plane")).filter(Boolean);
  if (buttons.length) oneStop(buttons);
  return element(
    "section",
    { class: "mattered", id: "mattered" },
    element("h2", { text: `What mattered for ${classes[mattered[0].label]}` }),
    element("div", { class: "figures" }, ...figures),
    told,
  );
}

function head(one) {
  return element("figcaption", {}, element("strong", { text: one.method }), ` \u2013 ${one.told}`);
}

function asMap(walk, one, told) {
  const { shape, values } = walk.array(`mattered ${one.method}`);
  const [rows, columns] = shape;
  const largest = largestOf(values);
  const plane = { values, start: 0, rows, columns, largest };
  const name = (row, column) => walk.cellWords(row, column);
  const on = {
    name,
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

function scale(largest) {
  return `\u2212${number(largest, 3)} to ${number(largest, 3)}`;
}

/** A text with its words as strongly coloured as they mattered. */
function asWords(walk, one) {
  const { values } = walk.array(`mattered ${one.method}`);
  const largest = largestOf(values) || 1;
  const items = walk.words
    .map((word, position) => [word, values[position]])
    .filter(([word]) => word !== "")
    .map(([word, value]) => {
      const share = Math.round((70 * Math.abs(value)) / largest);
      const mark = element("span", { class: "word", text: word, title: number(value) });
      mark.style.background = `color-mix(in srgb, var(--${value < 0 ? "below" : "above"}) ${share * 0.6}%, transparent)`;
      return element("li", {}, mark, element("small", { text: number(value, 2) }));
    });
  return element("figure", {}, element("ol", { class: "words weighed" }, ...items), head(one));
}
