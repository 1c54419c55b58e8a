/** Small drawings as tables of ink and background, which can be read and counted without colours. */

import { signed } from "app/learn/runs.js";
import { learnWords as words } from "app/words/learn.js";
import { element } from "piecewise/text.js";

/**
 * A drawing as a table: a cell a pixel, with the numbers of rows and columns.
 * @param {Pixels} pixels rows of 1 for ink and 0 for background
 * @param {string} caption
 * @param {(row: number, column: number) => string} [mark] the class of a cell
 * @param {number[]} [columns] the names of the columns
 */
export function pixelTable(pixels, caption, mark = () => "", columns = []) {
  const head = pixels[0].map((_, column) =>
    element("th", { scope: "col", text: columns[column] ?? column + 1 }),
  );
  const rows = pixels.map((cells, row) =>
    element(
      "tr",
      {},
      element("th", { scope: "row", text: row + 1 }),
      ...cells.map((ink, column) =>
        element(
          "td",
          { class: `${ink ? "ink" : "ground"} ${mark(row, column)}` },
          element("span", { class: "unseen", text: words.pixel(ink) }),
        ),
      ),
    ),
  );
  return element(
    "table",
    { class: "pixels" },
    element("caption", { text: caption }),
    element("thead", {}, element("tr", {}, element("td"), ...head)),
    element("tbody", {}, ...rows),
  );
}

/**
 * A small table of numbers.
 * @param {(number | string)[][]} rows
 * @param {string} caption
 */
export function numberTable(rows, caption) {
  const cells = rows.map((one) =>
    element("tr", {}, ...one.map((value) => element("td", { text: signed(String(value)) }))),
  );
  return element(
    "table",
    { class: "pixels" },
    element("caption", { text: caption }),
    element("tbody", {}, ...cells),
  );
}
