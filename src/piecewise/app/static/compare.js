/** Two attempts side by side, on the same input: what each says, its maps, and a number of both. */

import { cellOf, cellText, setView } from "app/address.js";
import { arithmetic } from "app/arithmetic.js";
import { blocksOf, structureOf } from "app/blocks.js";
import { Links } from "app/links.js";
import { askedAnswer } from "app/live.js";
import { namedSection } from "app/named_section.js";
import { bar } from "app/says.js";
import { GAP, Stack } from "app/stack.js";
import { currentAttempt, state, watch } from "app/store.js";
import { words } from "app/words/compare.js";
import { words as common } from "app/words/en.js";
import { panel } from "piecewise/panel.js";
import { element, exactNumber, percent } from "piecewise/text.js";
import { Walk } from "piecewise/walk.js";

const CLASSES = 5;
const COLUMNS = 8; // maps side by side
const MAP = 48; // pixels of a map
const NUMBER = 14; // pixels of a map that is one number

/** @typedef {{ open: Open, close: () => void }} NumberPanel */

/** The attempt that the address names beside the one that answers. */
function otherAttempt() {
  const number = Number(state.view.with);
  if (number === state.project?.attempt) return null;
  return state.attempts.find((one) => one.number === number) ?? null;
}

/**
 * @param {HTMLElement} bench where an open number of the other attempt is shown
 * @param {NumberPanel} now shows numbers of the attempt that answers
 */
export function compareSection(bench, now) {
  const comparison = new Comparison(bench, now);
  watch(["walk", "view", "attempts", "place"], () => comparison.show());
  return comparison.element;
}

class Comparison {
  /**
   * @param {HTMLElement} bench
   * @param {NumberPanel} now
   */
  constructor(bench, now) {
    this.bench = bench;
    this.now = now;
    this.sides = element("div", { class: "compare-sides" });
    this.line = element("p", { class: "sub", role: "status" });
    const close = element("button", {
      type: "button",
      class: "plain",
      text: common.close,
      onclick: () => {
        this.opened?.close();
        this.isVisited = false;
        setView({ with: null });
      },
    });
    this.element = namedSection("compare", words.title, [close], this.line, this.sides);
    this.element.hidden = true;
    this.links = new Links(this.element, () => {});
    /** @type {Side[]} */
    this.shown = [];
    /** The answer of the other attempt. @type {Walk | null} */
    this.walk = null;
    /** @type {ReturnType<typeof panel> | null} */
    this.opened = null;
    /** The net of the other attempt: its parameters are sent once. @type {import("app/live.js").Memory} */
    this.memory = { sha256: "", arrays: new Map() };
    this.answered = ""; // the key of what is shown
    this.isVisited = false; // scrolled to, since it was chosen
    this.isAsking = false;
    new ResizeObserver(() => this.fit()).observe(this.sides);
  }

  async show() {
    this.element.hidden = !otherAttempt() || !state.walk;
    if (this.element.hidden) this.opened?.close();
    if (this.isAsking) return;
    this.isAsking = true;
    try {
      while (!this.element.hidden && state.place === "look" && this.answered !== this.key) {
        const { key } = this;
        if (!(await this.ask())) break;
        this.answered = key;
      }
    } finally {
      this.isAsking = false;
    }
    if (!this.element.hidden) this.visit();
  }

  /** What is compared: two attempts, on the input of an answer. */
  get key() {
    const { walk } = /** @type {AnswerData} */ (state.walk?.data ?? {});
    return JSON.stringify([state.project?.attempt, otherAttempt()?.number, walk]);
  }

  /** Ask the other attempt; whether it has answered. */
  async ask() {
    const [now, question, other] = [currentAttempt(), state.question, otherAttempt()];
    if (!question || !other || !now) return false;
    const answer = await askedAnswer({ ...question, attempt: other.number }, this.memory).catch(
      () => null,
    );
    if (!answer || !state.walk) return false;
    this.memory = answer.memory;
    if (this.walk) this.walk.renew(answer.data, answer.arrays);
    else {
      this.walk = new Walk(answer.data, answer.arrays);
      this.opened = panel(this.walk, (position) => this.onOpen(position), arithmetic(null));
      this.bench.append(this.opened.aside);
    }
    this.fill(now, state.walk, other, this.walk);
    return true;
  }

  /**
   * @param {Attempt} now
   * @param {Walk} walk
   * @param {Attempt} other
   * @param {Walk} otherWalk
   */
  fill(now, walk, other, otherWalk) {
    const key = JSON.stringify([now.number, other.number, ...[walk, otherWalk].map(structureOf)]);
    if (this.sides.dataset.key !== key) {
      for (const side of this.shown) side.release();
      const reach = (/** @type {Position | null} */ position) => this.point(position);
      this.shown = [
        new Side(words.now(common.attempt(now, null)), walk, reach, this.now.open),
        new Side(common.attempt(other, now), otherWalk, reach, (position) => {
          this.now.close();
          this.opened?.openNumber(position);
        }),
      ];
      this.shown[1].showMapsOf(this.shown[0]);
      this.sides.replaceChildren(...this.shown.map((side) => side.element));
      this.sides.dataset.key = key;
      this.fit();
      if (!this.isVisited) this.element.scrollIntoView({ block: "start" });
      this.isVisited = true;
    }
    for (const side of this.shown) side.show();
    this.opened?.refresh();
    this.point(null);
  }

  fit() {
    for (const side of this.shown) side.fit(side.element.clientWidth);
    this.point(null);
  }

  /** The number of the other attempt that the address names. */
  visit() {
    const { view } = state;
    const cell = view.of && view.of === view.with ? cellOf(view.cell) : null;
    if (!cell || this.walk?.has(cell)) this.opened?.visit(cell);
    this.point(null);
  }

  /** @param {Position | null} position */
  onOpen(position) {
    if (position) setView({ cell: cellText(position), of: state.view.with });
    else if (state.view.of) setView({ cell: null, of: null });
    this.bench.classList.toggle("opened-number", position !== null);
    this.point(null);
  }

  /**
   * Outline a number in both nets, and say it; without one, the number that is open.
   * @param {Position | null} reached
   */
  point(reached) {
    const position = reached ?? cellOf(state.view.cell);
    const sides = this.shown.filter(({ walk }) => position && walk.has(position));
    this.links.clear();
    if (!position || !sides.length) return this.line.replaceChildren(words.hint);
    for (const side of sides) {
      const box = side.boxOf(position);
      if (box) this.links.mark(box, "cell-mark");
    }
    const values = this.shown.map(({ walk }) =>
      walk.has(position) ? exactNumber(walk.value(position)) : words.none,
    );
    const [here, there] = values.map((text) => element("b", { class: "number", text }));
    const name = sides[0].walk.describe(position);
    this.line.replaceChildren(`${name} = `, here, ` ${words.versus} `, there);
    return undefined;
  }
}

class Side {
  /**
   * @param {string} title
   * @param {Walk} walk
   * @param {(position: Position | null) => void} reach a number is pointed at, or none
   * @param {Open} open
   */
  constructor(title, walk, reach, open) {
    this.walk = walk;
    this.says = element("div");
    const layers = blocksOf(walk)
      .slice(1)
      .map((block) => ({ head: block[0], name: block[block.length - 1].name }))
      .filter(({ name }) => name !== walk.last && walk.activation(name));
    this.stacks = layers.map(({ name }) => {
      const position = (/** @type {import("app/stack.js").Cell} */ { map, row, column }) =>
        /** @type {Position} */ ([name, map, row, column]);
      return new Stack(
        walk,
        name,
        (cell) => reach(cell && position(cell)),
        (cell) => open(position(cell)),
      );
    });
    this.element = element(
      "div",
      { class: "compare-side" },
      element("h3", { text: title }),
      this.says,
      ...this.stacks.flatMap((stack, i) => [
        element("p", {
          class: "sub",
          text: words.mapsOf(layers[i].head.name, stack.shape[0], stack.order.length),
        }),
        stack.button,
      ]),
    );
  }

  /** Show the same maps as another side, so that they line up. @param {Side} other */
  showMapsOf(other) {
    for (const stack of this.stacks) {
      const like = other.stacks.find(({ name }) => name === stack.name);
      if (like?.shape[0] === stack.shape[0]) stack.order = like.order;
    }
  }

  release() {
    for (const stack of this.stacks) stack.release();
  }

  /** The answer and the maps, which have changed. */
  show() {
    const { data } = this.walk;
    const order = [...data.order].slice(0, CLASSES).sort((a, b) => a - b);
    const label = element("bdi", { text: data.classes[data.predicted] });
    const sure = ` ${percent(data.probabilities[data.predicted])} ${common.sure}`;
    this.says.replaceChildren(
      element("p", {}, element("b", {}, label), sure),
      element("div", { class: "says-bars" }, ...order.map((index) => bar(data, index, null))),
    );
    for (const stack of this.stacks) stack.repaint();
  }

  /** @param {number} width */
  fit(width) {
    for (const stack of this.stacks) {
      const side = stack.isOfNumbers ? NUMBER : MAP;
      const columns = Math.min(stack.order.length, COLUMNS * (stack.isOfNumbers ? 2 : 1));
      if (width) stack.fit(Math.min(width, columns * (side + GAP) - GAP), columns);
    }
  }

  /** Where a number is in the window; null if its layer is not shown. @param {Position} position */
  boxOf([name, map, row, column]) {
    const stack = this.stacks.find((one) => one.name === name);
    return stack?.boxOf(map, { top: row, left: column, height: 1, width: 1 }) ?? null;
  }
}
