/** The net: a column a block, from the input to the votes; what a number is made of is outlined. */

import { blocksOf, structureOf } from "app/blocks.js";
import { chosenMap, mutedMaps } from "app/chosen.js";
import { dragColumn } from "app/column_drag.js";
import { columnKnobs, menuButton, moveColumn } from "app/column_knobs.js";
import { Links } from "app/links.js";
import { mapRow } from "app/map_row.js";
import { isUntaught } from "app/says.js";
import { Stack, SHOWN } from "app/stack.js";
import { kindNow, state, watch } from "app/store.js";
import { VoteColumn } from "app/vote_column.js";
import { words } from "app/words/en.js";
import { lookWords } from "app/words/look.js";
import { wordList } from "piecewise/maps.js";
import { element, exactNumber } from "piecewise/text.js";
import { termsOf } from "piecewise/views/index.js";

const NARROW = 640; // pixels of the window
/** Pixels of a column with so many maps side by side. @type {Record<number, number>} */
const WIDTHS = { 1: 116, 2: 215, 4: 340 };
const OF_NUMBERS = 0.5; // of that width, if every map is one number
const LEAST = 0.4; // of these widths

export class Net {
  /**
   * @param {HTMLElement} section what shows the net
   * @param {Open} open
   * @param {(part: { top: number, left: number, bottom: number, right: number } | null) => void} markPad
   */
  constructor(section, open, markPad) {
    this.open = open;
    /** @type {Stack[]} */
    this.stacks = [];
    /** @type {VoteColumn | null} */
    this.votes = null;
    this.structure = "";
    /** The layer that is shown of a block, by the name of its first layer. @type {Map<string, string>} */
    this.chosen = new Map();
    /** @type {Position | null} */
    this.pinned = null;
    /** The number that is pointed at. @type {Position | null} */
    this.reached = null;
    this.words = element("div");
    this.columns = element("div", { class: "columns" });
    this.line = element("p", { class: "readout-line", role: "status" });
    this.silent = element("p", { class: "silent-maps" });
    this.section = section;
    this.links = new Links(this.section, markPad);
    const title = element("h2", { class: "status", text: words.net });
    this.before = element("p", { class: "before-change net-note", text: words.netBefore });
    const { picture } = this.links;
    this.section.append(
      title,
      this.before,
      picture,
      this.columns,
      this.silent,
      this.line,
      mapRow(),
      asText(),
    );
    new ResizeObserver(() => this.fit()).observe(this.section);
    watch(["walk", "chosen", "muted", "way"], () => this.show());
  }

  show() {
    const { walk } = state;
    this.section.classList.toggle("empty", !walk);
    this.section.classList.toggle("untaught", walk !== null && isUntaught(walk));
    if (!walk) return this.line.replaceChildren(lookWords.noNet[kindNow()]);
    const structure = structureOf(walk);
    if (structure !== this.structure) {
      this.structure = structure;
      this.build(walk);
    }
    this.markMaps(walk);
    const text = walk.readsWords ? walk.activation("input") : undefined;
    if (text) this.words.replaceChildren(...wordList(walk, text, this.open));
    for (const stack of this.stacks) stack.repaint();
    this.votes?.show();
    this.sayScales();
    this.point(this.reached ?? this.pinned);
    return undefined;
  }

  /** Tell the stacks which map is chosen and which are muted. @param {Walk} walk */
  markMaps(walk) {
    const chosen = chosenMap(walk);
    for (const stack of this.stacks) {
      const block = blocksOf(walk).find((one) => one.some(({ name }) => name === stack.name)) ?? [];
      stack.chosen = chosen?.block[0].name === block[0].name ? chosen.map : null;
      stack.muted = mutedMaps(block);
    }
    const { layer } = walk.data.votes;
    const isVoting = chosen?.block.some(({ name }) => name === layer);
    if (this.votes) this.votes.chosen = chosen && isVoting ? chosen.map : null;
  }

  /** @param {Walk} walk */
  build(walk) {
    for (const stack of this.stacks) stack.release();
    this.stacks = [];
    this.votes = null;
    this.pinned = this.reached = null;
    const blocks = blocksOf(walk);
    const focused = this.columns.contains(document.activeElement) ? document.activeElement : null;
    const key = focused instanceof HTMLElement ? focused.dataset.key : undefined;
    this.columns.replaceChildren(...blocks.map((block, i) => this.column(walk, block, i)));
    /** @type {HTMLElement | null} */
    const again = key ? this.columns.querySelector(`[data-key="${key}"]`) : null;
    again?.focus();
    this.fit();
  }

  /**
   * @param {Walk} walk
   * @param {Layer[]} block
   * @param {number} number
   */
  column(walk, block, number) {
    const [head] = block;
    const knobs = columnKnobs(walk, block, number);
    const menu = menuButton(block, number);
    const last = block[block.length - 1];
    if (last.name === walk.last && head.word === "full") {
      this.votes = new VoteColumn(walk, head, this.open, (map) => this.pointAtVote(map), menu);
      return this.votes.element;
    }
    if (head.word === "input" && walk.readsWords) return this.wordColumn(walk, head, menu);
    const shown = block.find(({ name }) => name === this.chosen.get(head.name)) ?? last;
    const place = element("div", { class: "place" });
    const scale = element("p", { class: "cost" });
    const stages = block.length > 1 ? this.stages(walk, block, shown.name, place, scale) : null;
    this.put(walk, shown.name, place, scale);
    const size = element("span", { class: "sub", text: head.shape.slice(1).join("\u00d7") });
    const name = head.word === "input" ? words.input : head.name;
    const heading = element("h3", {}, name, size);
    if (number) dragColumn(heading, (by) => moveColumn(number, by));
    const header = element("header", {}, title(heading, menu), knobs, stages);
    const body = element("div", {}, place, costs(walk, head), scale);
    const kind = head.word === "input" ? "column input-column" : "column";
    return element("div", { class: kind }, header, body);
  }

  /**
   * @param {Walk} walk
   * @param {Layer} head
   * @param {HTMLElement} menu
   */
  wordColumn(walk, head, menu) {
    const header = element("header", {}, title(element("h3", { text: head.name }), menu));
    return element("div", { class: "column words-column" }, header, this.words);
  }

  /**
   * The buttons that choose the layer of a block.
   * @param {Walk} walk
   * @param {Layer[]} block
   * @param {string} shown
   * @param {HTMLElement} place
   * @param {HTMLElement} scale
   */
  stages(walk, block, shown, place, scale) {
    const buttons = block.map(({ name, notation: text, word }) =>
      element("button", {
        type: "button",
        text: word === "conv" || word === "full" ? words.match : text,
        title: name,
        "aria-pressed": String(name === shown),
        onclick: () => {
          this.chosen.set(block[0].name, name);
          buttons.forEach((one, i) =>
            one.setAttribute("aria-pressed", String(block[i].name === name)),
          );
          this.put(walk, name, place, scale);
          this.fit();
          this.sayScales();
        },
      }),
    );
    const label = words.stages(block[0].name);
    return element("div", { class: "stages", role: "group", "aria-label": label }, ...buttons);
  }

  /**
   * Put the stack of a layer into its column, in place of another of the block.
   * @param {Walk} walk
   * @param {string} name
   * @param {HTMLElement} place
   * @param {HTMLElement} scale
   */
  put(walk, name, place, scale) {
    const position = (/** @type {import("app/stack.js").Cell} */ cell) =>
      /** @type {Position} */ ([name, cell.map, cell.row, cell.column]);
    const stack = new Stack(
      walk,
      name,
      (cell) => {
        this.reached = cell && position(cell);
        this.point(this.reached ?? this.pinned);
      },
      (cell) => this.open(position(cell)),
    );
    const old = this.stacks.findIndex(({ button }) => place.contains(button));
    if (old < 0) this.stacks.push(stack);
    else this.stacks.splice(old, 1, stack)[0].release();
    place.replaceChildren(stack.button);
    scale.dataset.layer = name;
    const count = stack.shape[0];
    if (count <= SHOWN) return;
    const all = element("button", { type: "button", class: "plain", text: words.allMaps(count) });
    all.addEventListener("click", () => {
      stack.showsAll = true;
      stack.sort();
      all.remove();
      this.fit();
    });
    place.append(all);
  }

  /** What the colours of every stack mean, and which maps are silent. */
  sayScales() {
    for (const stack of this.stacks) {
      const place = this.columns.querySelector(`.cost[data-layer="${stack.name}"]`);
      if (place && stack.name !== "input") place.textContent = words.fullColour(stack.largest);
    }
    const last = this.stacks[this.stacks.length - 1];
    const maps = Array.from({ length: last?.shape[0] ?? 0 }, (_, map) => map);
    const silent = maps.filter((map) => last.isSilent(map)).length;
    this.silent.textContent = silent ? words.silent(silent, last.name) : "";
  }

  /** Give every column its width. */
  fit() {
    const width = this.columns.clientWidth;
    if (!width || !this.stacks.length) return;
    const isNarrow = innerWidth <= NARROW;
    const counts = this.stacks.map((stack) => sideBySide(stack, isNarrow));
    const widths = counts.map(
      (count, i) => WIDTHS[count] * (this.stacks[i].isOfNumbers ? OF_NUMBERS : 1),
    );
    const wanted = widths.reduce((sum, one) => sum + one, 0);
    const gap = parseFloat(getComputedStyle(this.columns).columnGap);
    const others = [...this.columns.querySelectorAll(".vote-column, .words-column")];
    const taken = others.reduce((sum, one) => sum + one.clientWidth, 0);
    const gaps = gap * (this.columns.children.length - 1);
    const factor = Math.max(LEAST, Math.min(1, (width - taken - gaps) / wanted));
    this.stacks.forEach((stack, i) => {
      stack.fit(isNarrow ? width : Math.floor(widths[i] * factor), counts[i]);
    });
    this.point(this.reached ?? this.pinned);
  }

  /**
   * Outline what a number is made of, and say it; null ends this.
   * @param {Position | null} position
   */
  point(position) {
    const { walk } = state;
    if (!walk) return;
    const isIdle = !position || !walk.has(position);
    this.line.classList.toggle("idle", isIdle);
    if (isIdle) {
      this.links.clear();
      this.line.replaceChildren(words.hint);
      return;
    }
    const value = element("b", { class: "number", text: `= ${exactNumber(walk.value(position))}` });
    this.line.replaceChildren(`${walk.describe(position)} `, value, ` ${madeOf(walk, position)}`);
    this.links.show(walk, position, this.stacks, this.votes);
  }

  /** @param {number | null} map of the layer that votes */
  pointAtVote(map) {
    if (state.walk) this.links.showVote(state.walk, map, this.stacks, this.votes);
  }

  /** Keep a number outlined: the one that is open. @param {Position | null} position */
  pin(position) {
    this.pinned = position;
    this.point(position);
  }
}

/** The net as a table, made when a person first opens it. */
function asText() {
  const details = element("details", { class: "as-text" });
  details.append(element("summary", { text: words.asText }));
  /** @type {ReturnType<typeof import("app/net_text.js").netText> | null} */
  let text = null;
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    if (!text) {
      text = (await import("app/net_text.js")).netText();
      details.append(text.table);
    }
    text.show();
  });
  return details;
}

/**
 * How many maps of a stack are side by side.
 * @param {Stack} stack
 * @param {boolean} isNarrow
 */
function sideBySide({ order, shape, isOfNumbers }, isNarrow) {
  const count = order.length;
  if (isNarrow && isOfNumbers) return 8;
  const isWide = shape[2] > 3 * shape[1];
  if (count === 1) return 1;
  if (isWide) return 1;
  return count <= 8 && !isNarrow ? 2 : 4;
}

/**
 * The name of a column, and what can be done with it.
 * @param {HTMLElement} name
 * @param {HTMLElement} menu
 */
function title(name, menu) {
  return element("div", { class: "column-title" }, name, menu);
}

/**
 * What a layer costs: its weights and products.
 * @param {Walk} walk
 * @param {Layer} layer
 */
function costs(walk, layer) {
  if (layer.word === "input") return null;
  let count = 0;
  for (const [name, { values }] of walk.arrays)
    if (name.startsWith(`${layer.name}.`)) count += values.length;
  return count ? element("p", { class: "cost", text: words.weightCount(count) }) : null;
}

/**
 * @param {Walk} walk
 * @param {Position} position
 */
function madeOf(walk, position) {
  const layer = walk.layer(position[0]);
  if (layer.word !== "conv" && layer.word !== "full") return "";
  const terms = termsOf(walk, position);
  const products = terms.filter((term) => term.position).length;
  return words.made(products, products < terms.length);
}
