/** The confusion matrix: each cell opens to the examples in it. */

import { exampleOf } from "piecewise/examples.js";
import { element } from "piecewise/text.js";

const MOST_CLASSES = 40;

/**
 * The classes of a matrix that is not too large: of many, those that mistakes are most about.
 * @param {EvaluateData} data
 */
function chosen({ classes, cells }) {
  const wrong = new Map(Object.keys(classes).map((index) => [Number(index), 0]));
  const mistakesOf = (/** @type {number} */ index) => wrong.get(index) ?? 0;
  for (const { right, answer, count } of cells) {
    if (right === answer) continue;
    wrong.set(right, mistakesOf(right) + count);
    wrong.set(answer, mistakesOf(answer) + count);
  }
  const order = [...wrong.keys()].sort((a, b) => mistakesOf(b) - mistakesOf(a));
  return order.slice(0, MOST_CLASSES).sort((a, b) => a - b);
}

/** @param {EvaluateData} data */
export function confusionSection(data) {
  const { classes, cells } = data;
  const some = chosen(data);
  const of = new Map(cells.map((cell) => [`${cell.right} ${cell.answer}`, cell]));
  const opened = element("div", { class: "opened-cell", "aria-live": "polite" });
  /** @param {ConfusionCell} cell */
  const open = (cell) => opened.replaceChildren(...inside(data, cell));
  const head = element(
    "tr",
    {},
    element("td", { class: "quiet", text: "right \u2193 answer \u2192" }),
    ...some.map((index) => element("th", { scope: "col", text: classes[index] })),
  );
  const rows = some.map((right) => {
    const total = some.reduce((sum, answer) => sum + (of.get(`${right} ${answer}`)?.count ?? 0), 0);
    return element(
      "tr",
      {},
      element("th", { scope: "row", text: classes[right] }),
      ...some.map((answer) =>
        cellOf(data, of.get(`${right} ${answer}`), right === answer, total, open),
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
    some.length < Object.keys(classes).length
      ? ` Of ${Object.keys(classes).length} classes, those that mistakes are most about.`
      : "";
  const worst = cells
    .filter((cell) => cell.right !== cell.answer)
    .sort((a, b) => b.count - a.count)[0];
  open(worst ?? cells[0]);
  return element(
    "section",
    { id: "confusion" },
    element("h2", { text: "All answers" }),
    element("p", {
      class: "hint",
      text:
        "A row for each right class, a column for each answer. A cell opens to its examples, the surest first." +
        left,
    }),
    element(
      "div",
      { class: "wide", tabindex: "0", role: "region", "aria-label": "Confusion matrix" },
      table,
    ),
    opened,
  );
}

/**
 * @param {EvaluateData} data
 * @param {ConfusionCell | undefined} cell
 * @param {boolean} isRight
 * @param {number} total
 * @param {(cell: ConfusionCell) => void} open
 */
function cellOf({ classes }, cell, isRight, total, open) {
  if (!cell) return element("td", { class: "quiet", text: "\u00b7" });
  const words = `${cell.count} of class ${classes[cell.right]} answered ${classes[cell.answer]}; show`;
  const button = element("button", {
    type: "button",
    text: cell.count,
    "aria-label": words,
    onclick: () => open(cell),
  });
  const share = Math.round(12 + (50 * cell.count) / total);
  const td = element("td", { class: isRight ? "right" : "wrong" }, button);
  td.style.background = `color-mix(in srgb, var(--${isRight ? "below" : "above"}) ${isRight ? 14 : share * 0.5}%, transparent)`;
  return td;
}

/**
 * @param {EvaluateData} data
 * @param {ConfusionCell} cell
 */
function inside(data, cell) {
  const { classes } = data;
  const title = `${cell.count} of class ${classes[cell.right]}, answered ${classes[cell.answer]}`;
  const more = cell.count - cell.examples.length;
  return [
    element("h3", { text: title }),
    element("div", { class: "examples" }, ...cell.examples.map((index) => exampleOf(data, index))),
    more > 0 ? element("p", { class: "quiet", text: `and ${more} more` }) : "",
  ];
}
