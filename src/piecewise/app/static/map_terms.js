/** The terms of a sum by maps: patch, kernel and products of one map, and a row for every map. */

import { Pages } from "app/pages.js";
import { showOnce } from "app/small_maps.js";
import { lookWords as words } from "app/words/look.js";
import { largestOf } from "piecewise/paint.js";
import { aligned, element } from "piecewise/text.js";
import { smallGrid } from "piecewise/views/terms.js";

const ROWS = 16; // on a page
/** @typedef {import("app/player.js").Span & { map: number }} Group */

export class MapTerms {
  /**
   * @param {Walk} walk
   * @param {Position} position
   * @param {KnownTerm[]} terms
   * @param {import("app/player.js").Span[]} groups
   * @param {Open} open
   * @param {{ sort: string }} kept
   * @param {(step: number) => void} go
   */
  constructor(walk, position, terms, groups, open, kept, go) {
    this.walk = walk;
    this.layer = walk.layer(position[0]);
    this.position = position;
    this.terms = terms;
    this.open = open;
    this.go = go;
    /** @type {Group[]} */
    this.groups = groups.map((span) => ({ ...span, map: terms[span.start].position?.[1] ?? 0 }));
    /** @type {Record<string, number>} */
    this.sums = {};
    /** The map that is shown once all is added. @type {Group | null} */
    this.chosen = null;
    this.step = terms.length;
    this.largest = {
      value: largestOf(terms.filter((term) => term.position).map(({ value }) => value)),
      weight: largestOf(terms.filter((term) => term.position).map(({ weight }) => weight)),
      product: largestOf(terms.map(({ weight, value }) => weight * value)),
    };
    this.grids = element("div", { class: "grids", tabindex: 0, role: "group" });
    this.pages = new Pages(this.groups, ROWS, kept, {
      size: (group) => Math.abs(this.sums[group.map] ?? 0),
      row: (group) => this.row(group),
      titles: [words.map, "", "", words.sum, ""],
    });
    this.element = element(
      "div",
      {},
      this.grids,
      this.groups.length > 1 ? this.pages.element : null,
    );
  }

  /** @param {Record<string, number>} sums */
  fill(sums) {
    this.sums = sums;
    this.pages.fill();
  }

  /**
   * Show that so many terms are added.
   * @param {number} step
   */
  show(step) {
    this.step = step;
    const isWhole = step === this.terms.length;
    const running = this.groups.find(({ start, end }) => start < step && step <= end);
    const shown = (isWhole ? (this.chosen ?? this.strongest()) : running) ?? this.groups[0];
    this.showGrids(shown);
    this.pages.reveal(shown);
  }

  strongest() {
    const by = (/** @type {Group} */ group) => Math.abs(this.sums[group.map] ?? 0);
    return this.groups.reduce((best, one) => (by(one) > by(best) ? one : best));
  }

  /** @param {Group} group */
  showGrids(group) {
    const { walk, layer, step } = this;
    if (layer.word === "input") return;
    const cells = this.cellsOf(group);
    const isWhole = step === this.terms.length;
    /** @type {(title: string, of: (term: KnownTerm, index: number) => GridCell) => HTMLElement} */
    const grid = (title, of) =>
      smallGrid(
        title,
        cells.map((line) => line.map((cell) => cell && of(cell.term, cell.index))),
        this.open,
        walk,
      );
    const name = walk.mapName(layer.input_layer, group.map);
    const products = grid(words.products, ({ weight, value }) => ({ value: weight * value }));
    const tables = [
      grid(words.patchOf(layer.input_layer, name), ({ value, position }) => ({ value, position })),
      grid(layer.word === "conv" ? words.kernel : words.weights, ({ weight }) => ({
        value: weight,
      })),
      products,
    ];
    const flat = cells.flat();
    for (const table of tables)
      table.querySelectorAll("td").forEach((cell, i) => {
        const index = flat[i]?.index ?? -1;
        if (index === step - 1 && !isWhole) cell.classList.add("now");
        if (index >= step && table === products) cell.classList.add("waits");
      });
    const sign = (/** @type {string} */ text) =>
      element("span", { class: "sign", "aria-hidden": "true", text });
    const focused = this.grids.contains(document.activeElement) ? document.activeElement : null;
    const label = focused?.getAttribute("aria-label");
    this.grids.setAttribute("aria-label", words.patchOf(layer.input_layer, name));
    this.grids.replaceChildren(tables[0], sign("\u00d7"), tables[1], sign("="), tables[2]);
    /** @type {HTMLElement | null} */
    const again = label ? this.grids.querySelector(`[aria-label="${CSS.escape(label)}"]`) : null;
    again?.focus();
  }

  /**
   * The terms of a map in the places of the kernel; null: padding.
   * @param {Group} group
   * @returns {({ term: KnownTerm, index: number } | null)[][]}
   */
  cellsOf({ start, end }) {
    const { layer, position } = this;
    if (layer.word === "input") return [];
    const [, , row, column] = position;
    const [rows, columns] =
      layer.word === "conv" ? layer.kernel : [layer.input_shape[1], layer.input_shape[2]];
    /** @type {Window1D} */
    const all = [0, columns, 0];
    const [, width, left] = layer.word === "conv" ? layer.columns[column] : all;
    const top = layer.word === "conv" ? layer.rows[row][2] : 0;
    /** @type {({ term: KnownTerm, index: number } | null)[][]} */
    const cells = Array.from({ length: rows }, () => Array(columns).fill(null));
    for (let index = start; index < end; index++) {
      const at = index - start;
      cells[top + Math.floor(at / width)][left + (at % width)] = { term: this.terms[index], index };
    }
    return cells;
  }

  /** @param {Group} group */
  row(group) {
    const { walk, layer } = this;
    const name = layer.word === "input" ? "" : walk.mapName(layer.input_layer, group.map);
    const sum = this.sums[group.map];
    const largest = largestOf(Object.values(this.sums));
    const bar = element("i", { class: sum < 0 ? "against" : "for", "aria-hidden": "true" });
    bar.style.width = `${largest && sum ? (100 * Math.abs(sum)) / largest : 0}%`;
    const choose = element("button", {
      type: "button",
      class: "plain",
      text: name,
      title: words.showMap(name),
      onclick: () => this.choose(group),
    });
    const [first, second, third] = this.planes(group);
    const sign = (/** @type {string} */ text) =>
      element("span", { class: "sign", "aria-hidden": "true", text });
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, choose),
      element("td", { class: "planes" }, first, sign("\u00d7"), second, sign("="), third),
      element("td", { class: "number", text: sum === undefined ? "" : aligned(sum, largest) }),
      element("td", { class: "vote-bar" }, bar),
    );
  }

  /** @param {Group} group */
  choose(group) {
    this.chosen = group;
    if (this.step === this.terms.length) this.show(this.step);
    this.go(this.step === this.terms.length ? this.step : group.end);
  }

  /**
   * Patch, kernel and products of a map, a pixel a cell.
   * @param {Group} group
   */
  planes(group) {
    const cells = this.cellsOf(group);
    /** @type {[(term: KnownTerm) => number, number][]} */
    const kinds = [
      [({ value }) => value, this.largest.value],
      [({ weight }) => weight, this.largest.weight],
      [({ weight, value }) => weight * value, this.largest.product],
    ];
    return kinds.map(([of, largest]) => {
      const values = Float32Array.from(cells.flat(), (cell) => (cell ? of(cell.term) : 0));
      return showOnce({ values, start: 0, rows: cells.length, columns: cells[0].length, largest });
    });
  }
}
