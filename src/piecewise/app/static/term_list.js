/** The terms of a sum as a table, with the sum after each of them. */

import { Pages } from "app/pages.js";
import { lookWords as words } from "app/words/look.js";
import { largestOf } from "piecewise/paint.js";
import { element, number } from "piecewise/text.js";
import { openButton } from "piecewise/views/terms.js";

const ROWS = 24; // on a page

export class TermList {
  /**
   * @param {Walk} walk
   * @param {KnownTerm[]} terms
   * @param {Open} open
   * @param {{ sort: string }} kept
   * @param {(step: number) => void} go
   */
  constructor(walk, terms, open, kept, go) {
    this.walk = walk;
    this.open = open;
    this.go = go;
    this.items = terms.map((term, index) => ({ term, index }));
    this.largest = largestOf(terms.map(({ weight, value }) => weight * value));
    this.step = terms.length;
    /** @type {{ running: number }[]} */
    this.sums = [];
    this.pages = new Pages(this.items, ROWS, kept, {
      size: ({ term }) => Math.abs(term.weight * term.value),
      row: (item) => this.row(item),
      titles: [words.map, words.weight, words.value, words.product, words.soFar, ""],
    });
    this.element = this.pages.element;
  }

  /**
   * @param {Record<string, number>} _sums
   * @param {{ running: number }[]} terms
   */
  fill(_sums, terms) {
    this.sums = terms;
    this.pages.fill();
  }

  /**
   * Show that so many terms are added.
   * @param {number} step
   */
  show(step) {
    this.step = step;
    const last = this.items[step - 1];
    if (last && step < this.items.length) this.pages.reveal(last);
    this.pages.body.querySelectorAll("tr").forEach((row, i) => {
      const item = this.pages.shown?.[i];
      row.classList.toggle("waits", (item?.index ?? 0) >= step);
    });
  }

  /** @param {Position} position */
  shortName([layer, map, row, column]) {
    const [, rows, columns] = this.walk.layer(layer).shape;
    return rows * columns > 1 ? `${map + 1} (${row + 1}, ${column + 1})` : String(map + 1);
  }

  /** @param {{ term: KnownTerm, index: number }} item */
  row({ term, index }) {
    const { weight, value, position, name } = term;
    const product = weight * value;
    const bar = element("i", { class: product < 0 ? "against" : "for", "aria-hidden": "true" });
    bar.style.width = `${this.largest ? (100 * Math.abs(product)) / this.largest : 0}%`;
    const of = position ? this.shortName(position) : words.bias;
    const title = [name, position && this.walk.describe(position)].filter(Boolean).join(" \u00d7 ");
    const running = this.sums[index]?.running;
    const cell = (/** @type {Node | string} */ inside) =>
      element("td", { class: "number" }, inside);
    return element(
      "tr",
      { class: index >= this.step ? "waits" : null },
      element("td", { class: "of", text: of, title }),
      cell(number(weight, 5)),
      cell(position ? openButton({ value, position }, this.open, this.walk) : ""),
      cell(number(product, 5)),
      cell(running === undefined ? "" : number(running, 6)),
      element("td", { class: "vote-bar" }, bar),
    );
  }
}
