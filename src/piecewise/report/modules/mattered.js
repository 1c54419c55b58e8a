/** What mattered: how much each cell of the input said for the class. */

import { oneStop, planeButton } from "piecewise/grid.js";
import { element, number } from "piecewise/text.js";

const WORDS = {
  occlusion: "Covered, the class would lose so much (orange) or gain (blue).",
  "gradient x input": "Each cell\u2019s number times the logit\u2019s slope there: its say, if nothing changes its mind.",
  "grad-cam": "Where the last maps that still have places speak for the class.",
};

export function matteredSection(walk) {
  const { mattered, classes } = walk.data;
  if (!mattered.length) return null;
  const told = element("p", { class: "told", role: "status" });
  const figures = mattered.map((one) => (walk.words ? asWords(walk, one) : asMap(walk, one, told)));
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
  return element(
    "figcaption",
    {},
    element("strong", { text: one.method }),
    ` \u2013 ${WORDS[one.method.toLowerCase()] ?? one.unit}`,
  );
}

function asMap(walk, one, told) {
  const rows = one.values.length;
  const columns = one.values[0].length;
  const values = Float32Array.from(one.values.flat());
  const largest = Math.max(...values.map(Math.abs));
  const plane = { values, start: 0, rows, columns, largest };
  const name = (row, column) => walk.cellWords(row, column);
  const on = { name, told: (words) => (told.textContent = `${one.method}: ${words}`), open: () => {} };
  const button = planeButton(plane, on, 224);
  button.classList.add("still");
  return element("figure", {}, button, head(one), element("p", { class: "scale", text: scale(largest) }));
}

function scale(largest) {
  return `\u2212${number(largest, 3)} to ${number(largest, 3)}`;
}

/** A text with its words as strongly coloured as they mattered. */
function asWords(walk, one) {
  const [values] = one.values;
  const largest = Math.max(...values.map(Math.abs)) || 1;
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
