/** What every view of a layer shares: terms, and how they look. */

import { cellStyle, largestOf, palette } from "piecewise/paint.js";
import { brief, element, number, placeWords, whole } from "piecewise/text.js";

const FIRST = 24;

/**
 * Whether the page has both numbers of a term.
 * @param {Term} term
 * @returns {term is KnownTerm}
 */
export function hasNumbers(term) {
  return term.weight !== undefined && term.value !== undefined;
}

/**
 * A bias of a layer, as a term.
 * @param {Walk} walk
 * @param {{ name: string }} layer
 * @param {number} map
 * @returns {Term}
 */
export function biasTerm(walk, layer, map) {
  const name = `${layer.name}.bias`;
  return { weight: walk.weight(name, [map]), value: 1, name: `${name}[${map}]`, place: null };
}

/**
 * A number that opens: a button with a number on it.
 * @param {{ value: number, place?: Position | null }} term
 * @param {Open} open
 * @param {Shape} shape of the layer it stands in
 */
export function opens({ value, place }, open, shape) {
  if (!place) return element("span", { text: number(value) });
  const words = `${placeWords(place, shape)}: ${whole(value)}; open`;
  return element("button", {
    type: "button",
    class: "opens",
    text: number(value),
    title: words,
    "aria-label": words,
    onclick: () => open(place),
  });
}

/**
 * The products as rows, the largest first; more of them on demand.
 * @param {Walk} walk
 * @param {KnownTerm[]} terms
 * @param {Open} open
 * @param {{ titles?: string[] }} [options]
 */
export function rowsOf(walk, terms, open, { titles = ["weight", "value", "product", "of"] } = {}) {
  const order = [...terms].sort(
    (a, b) => Math.abs(b.weight * b.value) - Math.abs(a.weight * a.value),
  );
  const largest = largestOf(order.map((term) => term.weight * term.value));
  const body = element("tbody");
  const more = element("button", { type: "button", class: "more" });
  let shown = 0;
  const add = () => {
    for (const term of order.slice(shown, shown + FIRST))
      body.append(row(walk, term, open, largest));
    shown = Math.min(order.length, shown + FIRST);
    more.hidden = shown === order.length;
    more.textContent = `show ${Math.min(FIRST, order.length - shown)} more of ${order.length - shown}`;
  };
  more.addEventListener("click", add);
  add();
  const head = element(
    "tr",
    {},
    ...titles.map((title) => element("th", { scope: "col", text: title })),
  );
  const table = element("table", { class: "terms" }, element("thead", {}, head), body);
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
  const shape = term.place ? walk.layer(term.place[0]).shape : null;
  const value = shape ? opens(term, open, shape) : element("span", { text: "" });
  const bar = element("span", {
    class: product < 0 ? "bar against" : "bar for",
    "aria-hidden": "true",
  });
  bar.style.width = `${largest ? (60 * Math.abs(product)) / largest : 0}px`;
  const of = [term.name, term.place && placeWords(term.place, shape)]
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
 * A small grid of numbers, coloured; cells may open.
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
  if (!cell) return element("td", { class: "padding", title: "outside: nothing" }, "\u00a0");
  const inside = cell.place
    ? opens(cell, open, walk.layer(cell.place[0]).shape)
    : element("span", { text: brief(cell.value, largest), title: whole(cell.value) });
  if (cell.place) inside.textContent = brief(cell.value, largest);
  const td = element("td", { class: cell.marked ? "marked" : null }, inside);
  const { background, color } = cellStyle(cell.value, largest, colours);
  td.style.background = background;
  inside.style.color = color;
  return td;
}

/**
 * A line of arithmetic that ends in the number itself.
 * @param {string} words
 * @param {number | undefined} value
 */
export function ending(words, value) {
  return element(
    "p",
    { class: "ending" },
    `${words} = `,
    element("strong", { text: whole(value) }),
  );
}
