/** A table of many rows, some of which are shown: in their order, or by size. */

import { signButton } from "app/sign_button.js";
import { lookWords as words } from "app/words/look.js";
import { titledTable } from "piecewise/parts.js";
import { element } from "piecewise/text.js";

/**
 * @template T
 * @typedef {{ size: (item: T) => number, row: (item: T) => HTMLElement, titles: string[] }} Looks
 */

/** @template T */
export class Pages {
  /**
   * @param {T[]} items in their order
   * @param {number} count rows of a page
   * @param {{ sort: string }} kept how a person sorts
   * @param {Looks<T>} looks
   */
  constructor(items, count, kept, looks) {
    this.items = items;
    this.count = count;
    this.kept = kept;
    this.looks = looks;
    this.order = items;
    this.page = 0;
    /** @type {T | null} */
    this.marked = null;
    this.body = element("tbody");
    this.range = element("span", { class: "sub" });
    this.pager = element(
      "span",
      { class: "pager" },
      signButton("\u2039", words.earlier, () => this.turn(this.page - 1)),
      this.range,
      signButton("\u203a", words.later, () => this.turn(this.page + 1)),
    );
    this.sorts = ["order", "size"].map((by) =>
      element("button", {
        type: "button",
        text: by === "order" ? words.order : words.size,
        onclick: () => this.sort(by),
      }),
    );
    const label = element("span", { class: "sub", text: words.sortedBy });
    const group = { class: "stages", role: "group", "aria-label": words.sortedBy };
    const sorts = element("span", group, ...this.sorts);
    const bar = element("div", { class: "pages-bar" }, label, sorts, this.pager);
    const table = titledTable({ class: "terms" }, looks.titles, this.body);
    this.element = element("div", { class: "pages" }, bar, table);
    this.fill();
  }

  /** @param {string} by */
  sort(by) {
    this.kept.sort = by;
    this.page = 0;
    this.fill();
  }

  /** Sort the items anew, and show a page of them. */
  fill() {
    const { size } = this.looks;
    const isBySize = this.kept.sort === "size";
    this.order = isBySize ? [...this.items].sort((a, b) => size(b) - size(a)) : this.items;
    this.sorts.forEach((one, i) =>
      one.setAttribute("aria-pressed", String(isBySize === (i === 1))),
    );
    this.turn(this.page);
  }

  /** @param {number} page */
  turn(page) {
    const { count, items } = this;
    const last = Math.ceil(items.length / count) - 1;
    this.page = Math.max(0, Math.min(last, page));
    const start = this.page * count;
    this.shown = this.order.slice(start, start + count);
    this.body.replaceChildren(...this.shown.map((item) => this.looks.row(item)));
    this.range.textContent = words.rowsOf(
      start + 1,
      Math.min(items.length, start + count),
      items.length,
    );
    this.pager.hidden = last < 1;
    this.mark();
  }

  /** Show the page of an item, and mark it. @param {T} item */
  reveal(item) {
    this.marked = item;
    const page = Math.floor(this.order.indexOf(item) / this.count);
    if (page === this.page) this.mark();
    else this.turn(page);
  }

  mark() {
    const at = this.marked ? (this.shown?.indexOf(this.marked) ?? -1) : -1;
    [...this.body.children].forEach((row, i) => row.classList.toggle("on", i === at));
  }
}
