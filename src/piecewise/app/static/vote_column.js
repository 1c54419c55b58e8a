/** The last column: the votes of every map for a class. */

import { chooseMap } from "app/chosen.js";
import { voteSums } from "app/votes.js";
import { words } from "app/words/en.js";
import { largestOf } from "piecewise/paint.js";
import { aligned, element } from "piecewise/text.js";

const SHOWN = 16;
const CLASSES = 4; // with a button each; more are in a list

export class VoteColumn {
  /**
   * @param {Walk} walk
   * @param {Layer} head the first layer of the block
   * @param {Open} open
   * @param {(map: number | null) => void} point
   * @param {HTMLElement} menu
   */
  constructor(walk, head, open, point, menu) {
    this.walk = walk;
    this.point = point;
    this.open = open;
    this.label = walk.data.explained;
    /** The maps that are shown. @type {number[]} */
    this.order = [];
    this.orderedFor = "";
    /** The map that is chosen, if it is one of these. @type {number | null} */
    this.chosen = null;
    this.isChosen = false; // by a person; the answer's class before
    this.rows = element("div", { class: "votes" });
    this.choice = element("div", { class: "stages", role: "group", "aria-label": words.votesFor });
    const { layer } = walk.data.votes;
    const header = element(
      "header",
      {},
      element(
        "div",
        { class: "column-title" },
        element("h3", {}, head.name, element("span", { class: "sub", text: words.votes })),
        menu,
      ),
      this.choice,
    );
    const foot = element("p", { class: "cost", text: words.votesBy(layer) });
    this.element = element(
      "div",
      { class: "column vote-column" },
      header,
      element("div", {}, this.rows, foot),
    );
    this.show();
  }

  show() {
    const { data } = this.walk;
    if (!this.isChosen || !this.walk.array(`votes ${this.label}`)) this.label = data.explained;
    this.showChoice();
    const sums = voteSums(this.walk, this.label);
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    const focusedMap = this.rows.contains(focused) ? focused?.dataset.map : undefined;
    this.rows.replaceChildren();
    if (!sums) return;
    const key = `${this.label} ${/** @type {AnswerData} */ (data).parameters_sha256}`;
    if (key !== this.orderedFor) this.order = strongest(sums);
    this.orderedFor = key; // so that the rows stay where they are while one draws
    const largest = largestOf(sums);
    this.rows.append(...this.order.map((map) => this.row(map, sums[map], largest)));
    const total = data.logits[this.label];
    const others = sums.filter((_, map) => !this.order.includes(map));
    const rest = others.reduce((sum, vote) => sum + vote, data.votes.biases[this.label]);
    const restName = others.length ? words.othersAndBias(others.length) : words.bias;
    this.rows.append(
      element(
        "div",
        { class: "vote rest" },
        element("span", { class: "vote-name", text: restName }),
        element("span", { class: "value", text: aligned(rest, 10 * largest) }),
      ),
      element(
        "button",
        {
          type: "button",
          class: "vote total",
          onclick: () => this.open([this.walk.last, this.label, 0, 0]),
        },
        element("span", { class: "vote-name", text: words.vote }),
        element("span", { class: "value", text: aligned(total, 10 * largestOf([total, largest])) }),
      ),
    );
    if (focusedMap) this.rowElement(Number(focusedMap))?.focus({ preventScroll: true });
  }

  showChoice() {
    const { labels } = this.walk.data.votes;
    const { classes } = this.walk.data;
    const key = `${labels} ${this.label} ${labels.map((label) => classes[label])}`;
    if (this.choice.dataset.shown === key) return;
    this.choice.dataset.shown = key;
    this.choice.replaceChildren(
      ...[...labels]
        .sort((a, b) => a - b)
        .slice(0, CLASSES)
        .map((label) =>
          element("button", {
            type: "button",
            text: classes[label],
            "aria-pressed": String(label === this.label),
            onclick: () => {
              this.label = label;
              this.isChosen = true;
              this.show();
            },
          }),
        ),
    );
  }

  /**
   * @param {number} map
   * @param {number} vote
   * @param {number} largest
   */
  row(map, vote, largest) {
    const bar = element("i", { class: vote < 0 ? "against" : "for" });
    bar.style.width = `${(100 * Math.abs(vote)) / (largest || 1)}%`;
    const { layer } = this.walk.data.votes;
    const value = aligned(vote, 10 * largest);
    const point = () => this.point(map);
    const leave = () => this.point(null);
    const row = element(
      "button",
      {
        type: "button",
        class: vote ? "vote" : "vote nil",
        "data-map": map,
        "aria-label": words.voteOfMap(map, layer, value.trim()),
        onclick: () => chooseMap(layer, map),
        onpointerenter: point,
        onpointerleave: leave,
        onfocus: point,
        onblur: leave,
      },
      element("span", { class: "vote-name", text: String(map + 1) }),
      element("span", { class: "vote-track", "aria-hidden": "true" }, bar),
      element("span", { class: "value", text: value }),
    );
    row.classList.toggle("hot", map === this.chosen);
    return row;
  }

  /**
   * @param {number} map
   * @returns {HTMLElement | null}
   */
  rowElement(map) {
    return this.rows.querySelector(`[data-map="${map}"]`);
  }

  /** @param {number} map */
  rowOf(map) {
    return this.rowElement(map)?.querySelector(".vote-track") ?? null;
  }
}

/**
 * The maps with the largest votes, in their own order.
 * @param {number[]} sums
 */
function strongest(sums) {
  const order = sums.map((_, map) => map);
  order.sort((a, b) => Math.abs(sums[b]) - Math.abs(sums[a]));
  return order.slice(0, SHOWN).sort((a, b) => a - b);
}
