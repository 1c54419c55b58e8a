/** What the views of all layers share: terms, tables and grids. */

import { cellStyle, largestOf, palette } from "piecewise/paint.js";
import { titledTable } from "piecewise/parts.js";
import { element, exactNumber, number, shortNumber } from "piecewise/text.js";

const ROWS_SHOWN = 24;

/**
 * Whether the page has both numbers of a term.
 * @param {Term} term
 * @returns {term is KnownTerm}
 */
export function hasNumbers(term) {
  return term.weight !== undefined && term.value !== undefined;
}

/**
 * The bias of a layer as a term.
 * @param {Walk} walk
 * @param {{ name: string }} layer
 * @param {number} map
 * @returns {Term}
 */
export function biasTerm(walk, layer, map) {
  const name = `${layer.name}.bias`;
  return { weight: walk.weight(name, [map]), value: 1, name: `${name}[${map}]`, position: null };
}

/**
 * A button that shows a number and opens it.
 * @param {{ value: number, position?: Position | null }} term
 * @param {Open} open
 * @param {Walk} walk
 */
export function openButton({ value, position }, open, walk) {
  if (!position) return element("span", { text: number(value) });
  const words = `${walk.describe(position)}: ${exactNumber(value)}; open`;
  return element("button", {
    type: "button",
    class: "opens",
    text: number(value, 6),
    title: words,
    "aria-label": words,
    onclick: () => open(position),
  });
}

/**
 * A table of the products, the largest first.
 * @param {Walk} walk
 * @param {KnownTerm[]} terms
 * @param {Open} open
 * @param {{ titles?: string[] }} [options]
 */
export function termTable(
  walk,
  terms,
  open,
  { titles = ["weight", "value", "product", "of"] } = {},
) {
  const order = [...terms].sort(
    (a, b) => Math.abs(b.weight * b.value) - Math.abs(a.weight * a.value),
  );
  const largest = largestOf(order.map((term) => term.weight * term.value));
  const body = element("tbody");
  const more = element("button", { type: "button", class: "more" });
  let shown = 0;
  const add = () => {
    for (const term of order.slice(shown, shown + ROWS_SHOWN))
      body.append(row(walk, term, open, largest));
    shown = Math.min(order.length, shown + ROWS_SHOWN);
    more.hidden = shown === order.length;
    more.textContent = `show more (${order.length - shown} left)`;
  };
  more.addEventListener("click", add);
  add();
  const table = titledTable({ class: "terms" }, titles, body);
  return element("div", { class: "rows" }, table, more);
}

/**
 * @param {Walk} walk
 * @param {KnownTerm} term
 * @param {Open} open
 * @param {number} largest
 */
function row(walk, term, open, largest) {
  const product = term.weight * term.value;
  const value = term.position ? openButton(term, open, walk) : element("span", { text: "" });
  const bar = element("span", {
    class: product < 0 ? "bar against" : "bar for",
    "aria-hidden": "true",
  });
  bar.style.width = `${largest ? (60 * Math.abs(product)) / largest : 0}px`;
  const of = [term.name, term.position && walk.describe(term.position)]
    .filter(Boolean)
    .join(" \u00d7 ");
  return element(
    "tr",
    {},
    element("td", { class: "number", text: number(term.weight, 6) }),
    element("td", { class: "number" }, value),
    element("td", { class: "number" }, element("span", { text: number(product, 6) }), bar),
    element("td", { class: "of", text: of }),
  );
}

/**
 * A small coloured grid of numbers; cells with a position open.
 * @param {string} title
 * @param {GridCell[][]} cells
 * @param {Open} open
 * @param {Walk} walk
 */
export function smallGrid(title, cells, open, walk) {
  const colours = palette();
  const largest = largestOf(
    cells
      .flat()
      .filter((cell) => cell !== null)
      .map((cell) => cell.value),
  );
  const lines = cells.map((line) =>
    element("tr", {}, ...line.map((cell) => gridCell(cell, largest, colours, open, walk))),
  );
  const table = element("table", { class: "grid" }, element("caption", { text: title }));
  table.append(element("tbody", {}, ...lines));
  return table;
}

/**
 * @param {GridCell} cell
 * @param {number} largest
 * @param {Palette} colours
 * @param {Open} open
 * @param {Walk} walk
 */
function gridCell(cell, largest, colours, open, walk) {
  if (!cell)
    return element("td", { class: "padding", title: "padding: outside of the input" }, "\u00a0");
  const inside = cell.position
    ? openButton(cell, open, walk)
    : element("span", { text: shortNumber(cell.value, largest), title: exactNumber(cell.value) });
  if (cell.position) inside.textContent = shortNumber(cell.value, largest);
  const td = element("td", { class: cell.marked ? "marked" : null }, inside);
  const { background, color } = cellStyle(cell.value, largest, colours);
  td.style.background = background;
  inside.style.color = color;
  return td;
}

/**
 * The last line of the arithmetic, with the number itself.
 * @param {string} words
 * @param {number | undefined} value
 */
export function resultLine(words, value) {
  return element(
    "p",
    { class: "ending" },
    `${words} = `,
    element("strong", { text: exactNumber(value) }),
  );
}
