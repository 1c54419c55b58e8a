/** Texts of lessons: paragraphs of pieces, whose numbers say how they are computed. */

import { learnWords as words } from "app/words/learn.js";
import { element } from "piecewise/text.js";

/**
 * @param {Texts} paragraphs
 * @returns {HTMLElement[]}
 */
export function texts(paragraphs) {
  return paragraphs.map((one) => ("rows" in one ? textTable(one) : holding("p", {}, one)));
}

/** @param {TextTable} table */
function textTable({ head, rows }) {
  const title = (/** @type {Paragraph} */ runs) => holding("th", { scope: "col" }, runs);
  const cell = (/** @type {Paragraph} */ runs, /** @type {number} */ column) =>
    column ? holding("td", {}, runs) : holding("th", { scope: "row" }, runs);
  const line = (/** @type {HTMLElement[]} */ cells) => element("tr", {}, ...cells);
  return element(
    "table",
    { class: "steps text-table" },
    element("thead", {}, ...head.map((one) => line(one.map(title)))),
    element("tbody", {}, ...rows.map((one) => line(one.map(cell)))),
  );
}

/**
 * An element that holds the pieces of a text.
 * @param {"p" | "td" | "th"} name
 * @param {Record<string, string>} set
 * @param {Paragraph} runs
 */
function holding(name, set, runs) {
  return element(name, set, ...runs.flatMap(pieces));
}

/**
 * A piece of a text as elements.
 * @param {Run} run
 * @returns {(Node | string)[]}
 */
export function pieces(run) {
  if (run.code !== undefined) return [element("code", { text: run.code })];
  if (run.name !== undefined) return [element("bdi", { class: "class-name", text: run.name })];
  if (run.number !== undefined) return numberPieces(run);
  return [run.text ?? ""];
}

/**
 * A number, which opens how it is computed and all its digits; a known slip is crossed out.
 * @param {Run} run
 */
function numberPieces({ number = "", path = "", exact = "", slip }) {
  const how = element(
    "span",
    { class: "how", hidden: true },
    element("code", { text: path }),
    ` = ${exact}`,
  );
  const button = element("button", {
    type: "button",
    class: slip ? "said slip" : "said",
    "aria-expanded": "false",
    title: words.openNumber,
    text: signed(number),
  });
  button.addEventListener("click", () => {
    how.hidden = !how.hidden;
    button.setAttribute("aria-expanded", String(!how.hidden));
  });
  return [button, how];
}

/** Numbers and sums with typographic minus signs. @param {string} text */
export function signed(text) {
  return text.replaceAll("-", "\u2212");
}
