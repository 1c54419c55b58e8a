/** The arithmetic of an open number: its terms, added one by one, and where else it can be had. */

import { ask, request } from "app/ask.js";
import { Player } from "app/player.js";
import { MapTerms } from "app/map_terms.js";
import { TermList } from "app/term_list.js";
import { lookWords as words } from "app/words/look.js";
import { element, exactNumber, number } from "piecewise/text.js";
import { showTerms } from "piecewise/views/index.js";

const MOST_CELLS = 81; // of a patch whose numbers are shown as a grid

/**
 * What the server says about a number.
 * @typedef {{ value: number, recomputed: number, divisor: number, python: string,
 *   terms: { running: number }[], map_sums: Record<string, number> }} Why
 */

/**
 * Shows the arithmetic of numbers in the panel.
 * @param {((layer: string, map: number) => void) | null} chooseMap null if maps cannot be chosen
 */
export function arithmetic(chooseMap) {
  /** What a person saw of the number that is open, for when the net changes. */
  let kept = { position: "", step: -1, sort: "order" };
  /** @type {typeof showTerms} */
  return (walk, position, terms, open) => {
    const layer = walk.layer(position[0]);
    if (layer.word === "input") return showTerms(walk, position, terms, open);
    const isSum = (layer.word === "conv" || layer.word === "full") && terms.length > 1;
    const key = String(position);
    if (key !== kept.position) kept = { position: key, step: -1, sort: "order" };
    const sum = isSum ? new Sum(walk, position, terms, open, kept) : null;
    const foot = footer(walk, position, chooseMap);
    askWhy(walk, position).then((why) => {
      if (!why || !foot.element.isConnected) return;
      sum?.fill(why);
      foot.fill(why);
    });
    return [...(sum ? sum.elements : showTerms(walk, position, terms, open)), foot.element];
  };
}

/**
 * @param {Walk} walk
 * @param {Position} position
 * @returns {Promise<Why | null>}
 */
async function askWhy(walk, position) {
  const { walk: number } = /** @type {AnswerData} */ (walk.data);
  // The answer may not be open any more, or the program is gone: then the sums are missing.
  return ask("POST", "/api/why", { walk: number, position }).catch(() => null);
}

class Sum {
  /**
   * @param {Walk} walk
   * @param {Position} position
   * @param {KnownTerm[]} terms
   * @param {Open} open
   * @param {{ step: number, sort: string }} kept
   */
  constructor(walk, position, terms, open, kept) {
    this.terms = terms;
    this.walk = walk;
    this.position = position;
    const groups = groupsOf(terms);
    const layer = walk.layer(position[0]);
    const isGrid = groups[0].end - groups[0].start > 1 && cellsOf(layer) <= MOST_CELLS;
    this.parts = isGrid
      ? new MapTerms(walk, position, terms, groups, open, kept, (step) => this.player.go(step))
      : new TermList(walk, terms, open, kept, (step) => this.player.go(step));
    const step = kept.step < 0 ? terms.length : kept.step;
    this.player = new Player(
      terms.length,
      groups,
      (now) => {
        kept.step = now === terms.length ? -1 : now;
        this.parts.show(now);
      },
      step,
    );
    this.player.show();
    this.parts.show(step);
    this.ending = element("p", { class: "ending" });
    this.check = element("span", { class: "ok" });
    this.end();
  }

  get elements() {
    const layer = this.walk.layer(this.position[0]);
    const text = element("p", { class: "step", text: sentence(this.walk, layer) });
    return [text, this.player.element, this.parts.element, this.ending];
  }

  end() {
    const [first] = this.terms;
    const bias = first.position ? null : number(first.weight, 5);
    const count = this.terms.length - (bias === null ? 0 : 1);
    const layer = this.walk.layer(this.position[0]);
    const divisor = layer.word === "conv" ? layer.count : 1;
    const value = exactNumber(this.walk.value(this.position));
    this.ending.replaceChildren(
      ...(bias === null ? [] : [`${words.bias} ${bias} `, quiet(words.and), " "]),
      `${words.productCount(count)} `,
      divisor > 1 ? `${words.divided(divisor)} ` : "",
      "= ",
      element("strong", { text: value }),
      this.check,
    );
  }

  /** @param {Why} why */
  fill(why) {
    this.player.fill(why.terms.map(({ running }) => running));
    this.parts.fill(why.map_sums, why.terms);
    this.parts.show(this.player.step);
    this.check.textContent = why.recomputed === why.value ? words.sameBits : words.otherBits;
  }
}

/** @param {string} text */
function quiet(text) {
  return element("span", { class: "sub", text });
}

/**
 * @param {Walk} walk
 * @param {Layer} layer
 */
function sentence(walk, layer) {
  if (layer.word !== "conv") return words.full(layer.word === "input" ? "" : layer.input_layer);
  const kernel = layer.kernel.join("\u00d7");
  return words.convolution(kernel, layer.input_layer, layer.input_shape[0], layer.count > 1);
}

/** @param {Layer} layer */
function cellsOf(layer) {
  if (layer.word === "conv") return layer.kernel[0] * layer.kernel[1];
  return layer.word === "input" ? 0 : layer.input_shape[1] * layer.input_shape[2];
}

/**
 * The terms of each map, which follow each other.
 * @param {KnownTerm[]} terms
 * @returns {import("app/player.js").Span[]}
 */
function groupsOf(terms) {
  const groups = [];
  let last = -1;
  for (const [index, { position }] of terms.entries()) {
    if (!position) continue;
    if (position[1] !== last) groups.push({ start: index, end: index });
    last = position[1];
    groups[groups.length - 1].end = index + 1;
  }
  return groups;
}

/**
 * The line of Python, the spreadsheet, and the way to what the map looks for.
 * @param {Walk} walk
 * @param {Position} position
 * @param {((layer: string, map: number) => void) | null} chooseMap
 */
function footer(walk, position, chooseMap) {
  const [layer, map] = position;
  const code = element("code", { tabindex: 0, "aria-label": words.python });
  const copy = element("button", { type: "button", text: words.copy });
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent ?? "");
    copy.textContent = words.copied;
  });
  const sheet = element("button", {
    type: "button",
    text: words.spreadsheet,
    onclick: () => takeSheet(walk, position),
  });
  const name = walk.mapName(layer, map);
  const looks = element("button", {
    type: "button",
    text: words.looksFor(name),
    onclick: () => chooseMap?.(layer, map),
  });
  const box = element(
    "div",
    { class: "takes" },
    element("span", { class: "python" }, code, copy),
    sheet,
    layer === walk.last || !chooseMap ? null : looks,
  );
  box.hidden = true;
  /** @param {Why} why */
  const fill = (why) => {
    code.textContent = why.python;
    box.hidden = false;
  };
  return { element: box, fill };
}

/**
 * Save the arithmetic of a number as a spreadsheet.
 * @param {Walk} walk
 * @param {Position} position
 */
async function takeSheet(walk, position) {
  const { walk: open } = /** @type {AnswerData} */ (walk.data);
  const response = await request("POST", "/api/why.xlsx", { walk: open, position });
  const href = URL.createObjectURL(await response.blob());
  element("a", { href, download: `${position.join("-")}.xlsx` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
