/** What a number is made of: yellow outlines, and curves from the maps that feed it. */

import { blocksOf, headOf, spanBefore } from "app/blocks.js";
import { element, svgElement } from "piecewise/text.js";
import { termsOf } from "piecewise/views/index.js";

const [THINNEST, THICKEST] = [0.8, 9];
const MOST = 32; // curves

/** @typedef {{ left: number, top: number, width: number, height: number }} Box */

export class Links {
  /**
   * @param {HTMLElement} host what the outlines are placed in
   * @param {(part: { top: number, left: number, bottom: number, right: number } | null) => void} markPad
   */
  constructor(host, markPad) {
    this.host = host;
    this.markPad = markPad;
    this.picture = svgElement("svg", { class: "links", "aria-hidden": "true" });
    /** @type {HTMLElement[]} */
    this.marks = [];
  }

  clear() {
    this.picture.replaceChildren();
    for (const mark of this.marks) mark.remove();
    this.marks = [];
    this.markPad(null);
  }

  /**
   * @param {Walk} walk
   * @param {Position} position
   * @param {import("app/stack.js").Stack[]} stacks
   * @param {import("app/vote_column.js").VoteColumn | null} votes
   */
  show(walk, position, stacks, votes) {
    this.clear();
    const [name, map, row, column] = position;
    const own = stacks.find((stack) => stack.name === name);
    const cell = { top: row, left: column, height: 1, width: 1 };
    const target = own?.boxOf(map, cell) ?? null;
    if (target) this.mark(target, "cell-mark");
    this.markInput(walk, name, cell, stacks);
    const head = headOf(walk, position);
    const layer = walk.layer(head[0]);
    if (layer.word === "input") return;
    const source = stacks[stacks.indexOf(own ?? stacks[0]) - 1];
    const isLast = !own && name === walk.last;
    const before = isLast ? stacks[stacks.length - 1] : source;
    if (before && before.name !== name)
      this.connect(walk, head, before, target, isLast, votes, map);
    if (own && votesCome(walk, own.name)) this.connectVote(map, target, votes);
  }

  /**
   * Curves from the maps of the stack before, as wide as the sum of the products of each.
   * @param {Walk} walk
   * @param {Position} head
   * @param {import("app/stack.js").Stack} before
   * @param {Box | null} target
   * @param {boolean} isLast
   * @param {import("app/vote_column.js").VoteColumn | null} votes
   * @param {number} map
   */
  connect(walk, head, before, target, isLast, votes, map) {
    const feeds = feedsOf(walk, head, before.name);
    const largest = Math.max(...feeds.map(({ sum }) => Math.abs(sum)), 1e-30);
    const end = target ?? (isLast ? this.boxOf(votes?.rowOf(map)) : null);
    for (const { map: from, span, sum } of feeds.slice(0, MOST)) {
      const box = before.boxOf(from, span);
      if (!box) continue;
      this.mark(box, "patch");
      if (!end) continue;
      const width = Math.max(THINNEST, (THICKEST * Math.abs(sum)) / largest);
      this.curve(box, end, width, sum < 0);
    }
  }

  /**
   * @param {number} map
   * @param {Box | null} from
   * @param {import("app/vote_column.js").VoteColumn | null} votes
   */
  connectVote(map, from, votes) {
    const row = votes?.rowOf(map);
    const to = this.boxOf(row);
    if (from && to) this.curve(from, to, 2.6, row?.querySelector(".against") !== null);
  }

  /**
   * A vote is pointed at: the map that it comes from.
   * @param {Walk} walk
   * @param {number | null} map
   * @param {import("app/stack.js").Stack[]} stacks
   * @param {import("app/vote_column.js").VoteColumn | null} votes
   */
  showVote(walk, map, stacks, votes) {
    this.clear();
    const last = stacks.find(({ name }) => votesCome(walk, name));
    if (map === null || !last) return;
    const [, height, width] = last.shape;
    const box = last.boxOf(map, { top: 0, left: 0, height, width });
    if (!box) return;
    this.mark(box, "patch");
    this.connectVote(map, box, votes);
  }

  /**
   * Outline the part of the input that a cell can see; on the pad, too.
   * @param {Walk} walk
   * @param {string} name
   * @param {CellSpan} cell
   * @param {import("app/stack.js").Stack[]} stacks
   */
  markInput(walk, name, cell, stacks) {
    if (name === "input" && walk.readsWords) return;
    const span = spanBefore(walk, name, cell, "input");
    const input = stacks.find((stack) => stack.name === "input");
    const box = name === "input" ? null : input?.boxOf(0, span);
    if (box) this.mark(box, "patch");
    this.markPad(partOfPicture(walk, span));
  }

  /** @param {Element | null | undefined} target */
  boxOf(target) {
    if (!target) return null;
    const { left, top, width, height } = target.getBoundingClientRect();
    return { left, top, width, height };
  }

  /**
   * @param {Box} box in pixels of the window
   * @param {string} kind
   */
  mark(box, kind) {
    const base = this.host.getBoundingClientRect();
    const mark = element("span", { class: kind, "aria-hidden": "true" });
    Object.assign(mark.style, {
      left: `${box.left - base.left}px`,
      top: `${box.top - base.top}px`,
      width: `${Math.max(4, box.width)}px`,
      height: `${Math.max(4, box.height)}px`,
    });
    this.host.append(mark);
    this.marks.push(mark);
  }

  /**
   * @param {Box} from
   * @param {Box} to
   * @param {number} width
   * @param {boolean} isBelow
   */
  curve(from, to, width, isBelow) {
    const base = this.host.getBoundingClientRect();
    const [x1, y1] = [from.left + from.width - base.left, from.top + from.height / 2 - base.top];
    const [x2, y2] = [to.left - base.left, to.top + to.height / 2 - base.top];
    const bend = Math.max(14, (x2 - x1) / 2);
    const d = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
    const set = { d, class: isBelow ? "below" : "above", "stroke-width": width };
    this.picture.append(svgElement("path", set));
  }
}

/**
 * The part of the square that shows a picture which some cells of the input come from, as
 * fractions of its side; null if the input is no picture.
 * @param {Walk} walk
 * @param {CellSpan} span
 */
function partOfPicture(walk, { top, left, height, width }) {
  const { source } = /** @type {AnswerData} */ (walk.data);
  if (!source) return null;
  const [, rows, columns] = walk.layer("input").shape;
  const [x, y, right, bottom] = source.box;
  const side = Math.max(...source.size);
  const [padX, padY] = source.size.map((one) => (side - one) / 2);
  const across = (/** @type {number} */ cell) => (padX + x + ((right - x) * cell) / columns) / side;
  const down = (/** @type {number} */ cell) => (padY + y + ((bottom - y) * cell) / rows) / side;
  return {
    top: down(top),
    left: across(left),
    bottom: down(top + height),
    right: across(left + width),
  };
}

/**
 * Whether the votes are those of the maps of a layer: it is in the block of the layer that votes.
 * @param {Walk} walk
 * @param {string} name
 */
function votesCome(walk, name) {
  const block = blocksOf(walk).find((layers) => layers.some((layer) => layer.name === name)) ?? [];
  return block.some((layer) => layer.name === walk.data.votes.layer);
}

/**
 * The maps of an earlier layer that feed a number: what part of each, and the sum of its products;
 * the largest first.
 * @param {Walk} walk
 * @param {Position} head
 * @param {string} before
 */
function feedsOf(walk, head, before) {
  /** @type {Map<number, { map: number, span: CellSpan, sum: number }>} */
  const feeds = new Map();
  const layer = walk.layer(head[0]);
  if (layer.word === "input") return [];
  for (const { weight, value, position } of termsOf(walk, head)) {
    if (!position) continue;
    const [, map, row, column] = position;
    const known = feeds.get(map);
    if (known) {
      known.sum += (weight ?? 0) * (value ?? 0);
      known.span = joined(known.span, row, column);
    } else {
      const span = { top: row, left: column, height: 1, width: 1 };
      feeds.set(map, { map, span, sum: (weight ?? 0) * (value ?? 0) });
    }
  }
  const found = [...feeds.values()];
  for (const feed of found) feed.span = spanBefore(walk, layer.input_layer, feed.span, before);
  return found.sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum));
}

/**
 * @param {CellSpan} span
 * @param {number} row
 * @param {number} column
 * @returns {CellSpan}
 */
function joined({ top, left, height, width }, row, column) {
  const [first, start] = [Math.min(top, row), Math.min(left, column)];
  return {
    top: first,
    left: start,
    height: Math.max(top + height, row + 1) - first,
    width: Math.max(left + width, column + 1) - start,
  };
}
