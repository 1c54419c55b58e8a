/** The confusion matrix. A click on a cell shows its examples. */

import { exampleOf } from "piecewise/examples.js";
import { reportSection, scrollingTable } from "piecewise/parts.js";
import { element } from "piecewise/text.js";

const MOST_CLASSES = 40;

/**
 * The classes that the matrix shows: if there are many, those with the most mistakes.
 * @param {ConfusionData} data
 */
function shownClasses({ classes, cells }) {
  const wrong = new Map(Object.keys(classes).map((index) => [Number(index), 0]));
  const mistakesOf = (/** @type {number} */ index) => wrong.get(index) ?? 0;
  for (const { label, predicted, count } of cells) {
    if (label === predicted) continue;
    wrong.set(label, mistakesOf(label) + count);
    wrong.set(predicted, mistakesOf(predicted) + count);
  }
  const order = [...wrong.keys()].sort((a, b) => mistakesOf(b) - mistakesOf(a));
  return order.slice(0, MOST_CLASSES).sort((a, b) => a - b);
}

/** @param {ConfusionData} data */
export function confusionSection(data) {
  const { classes, cells } = data;
  const shown = shownClasses(data);
  const cellAt = new Map(cells.map((cell) => [`${cell.label} ${cell.predicted}`, cell]));
  const opened = element("div", { class: "opened-cell", "aria-live": "polite" });
  /** @param {ConfusionCell} cell */
  const open = (cell) => opened.replaceChildren(...examplesOf(data, cell));
  const head = element(
    "tr",
    {},
    element("td", { class: "quiet", text: "true label \u2193 predicted \u2192" }),
    ...shown.map((index) => element("th", { scope: "col", text: classes[index] })),
  );
  const rows = shown.map((label) => {
    const total = shown.reduce(
      (sum, predicted) => sum + (cellAt.get(`${label} ${predicted}`)?.count ?? 0),
      0,
    );
    return element(
      "tr",
      {},
      element("th", { scope: "row", text: classes[label] }),
      ...shown.map((predicted) =>
        cellOf(data, cellAt.get(`${label} ${predicted}`), label === predicted, total, open),
      ),
    );
  });
  const table = element(
    "table",
    { class: "confusion" },
    element("thead", {}, head),
    element("tbody", {}, ...rows),
  );
  const left =
    shown.length < Object.keys(classes).length
      ? ` Only the ${shown.length} of ${Object.keys(classes).length} classes with the most mistakes are shown.`
      : "";
  const worst = cells
    .filter((cell) => cell.label !== cell.predicted)
    .sort((a, b) => b.count - a.count)[0];
  open(worst ?? cells[0]);
  return reportSection(
    "confusion",
    "Confusion matrix",
    "A row for each true label, a column for each predicted class. Click a cell to show its examples, the most confident first." +
      left,
    scrollingTable("Confusion matrix", table),
    opened,
  );
}

/**
 * @param {ConfusionData} data
 * @param {ConfusionCell | undefined} cell
 * @param {boolean} isCorrect
 * @param {number} total
 * @param {(cell: ConfusionCell) => void} open
 */
function cellOf({ classes }, cell, isCorrect, total, open) {
  if (!cell) return element("td", { class: "quiet", text: "\u00b7" });
  const words = `${cell.count} of class ${classes[cell.label]} predicted as ${classes[cell.predicted]}; show`;
  const button = element("button", {
    type: "button",
    text: cell.count,
    "aria-label": words,
    onclick: () => open(cell),
  });
  const strength = Math.round(12 + (50 * cell.count) / total);
  const td = element("td", { class: isCorrect ? "correct" : "wrong" }, button);
  td.style.background = `color-mix(in srgb, var(--${isCorrect ? "below" : "above"}) ${isCorrect ? 14 : strength * 0.5}%, transparent)`;
  return td;
}

/**
 * @param {ConfusionData} data
 * @param {ConfusionCell} cell
 */
function examplesOf(data, cell) {
  const { classes } = data;
  const title = `${cell.count} of class ${classes[cell.label]}, predicted as ${classes[cell.predicted]}`;
  const more = cell.count - cell.examples.length;
  return [
    element("h3", { text: title }),
    element("div", { class: "examples" }, ...cell.examples.map((index) => exampleOf(data, index))),
    more > 0 ? element("p", { class: "quiet", text: `and ${more} more` }) : "",
  ];
}
