/** The walk: the feature maps of every layer, from the input to the votes. */

import { outline } from "piecewise/grid.js";
import { logitList, mapsOf, wordList } from "piecewise/maps.js";
import { reportSection } from "piecewise/parts.js";
import { element, separated } from "piecewise/text.js";
import { termsOf } from "piecewise/views/index.js";

/** @type {Record<string, string>} */
const LAYER_SUMMARIES = {
  input: "the input",
  conv: "matches each kernel with every patch",
  norm: "shifts and scales each map",
  relu: "sets negative values to zero",
  pool: "keeps one number of each window",
  full: "every value gets a vote",
  dropout: "passes all values (it drops some only in training)",
  embed: "turns each word or letter into numbers",
};

/**
 * @param {Walk} walk
 * @param {Open} open
 */
export function walkSection(walk, open) {
  const status = element("p", { class: "status", role: "status" });
  /** @type {Map<string, PlaneButton>} */
  const buttons = new Map();
  const blocks = [...walk.layers.values()].map((layer) =>
    layerBlock(walk, layer, status, open, buttons),
  );
  const section = reportSection(
    "walk",
    "The walk, from the input to the votes",
    "Orange is above zero, blue is below. Point at a number, or go to a map with Tab and move with " +
      "the arrow keys (Page Down: the next map). Click or press Enter to see how it is computed. " +
      `Of each layer, the maps that count most are shown first: their votes are for ${preferred(walk)} (+), or against it (\u2212).`,
    element("div", { class: "layers" }, ...blocks),
    status,
  );
  /** @type {(position: Position | null) => void} */
  const markPosition = (position) => mark(walk, buttons, position);
  return { section, mark: markPosition };
}

/**
 * @param {Walk} walk
 * @param {Layer} layer
 * @param {HTMLElement} status
 * @param {Open} open
 * @param {Map<string, PlaneButton>} buttons
 */
function layerBlock(walk, layer, status, open, buttons) {
  const block = element(
    "div",
    { class: "layer" },
    element(
      "h3",
      {},
      element("span", { class: "name", text: layer.name }),
      element("code", { text: layer.notation }),
      element("span", { class: "shape", text: layer.shape.map(separated).join("\u00d7") }),
      element("span", { class: "summary", text: LAYER_SUMMARIES[layer.word] ?? "" }),
    ),
  );
  const activation = walk.activation(layer.name);
  if (layer.word !== "input" && layer.unchanged) {
    block.classList.add("unchanged");
    block.append(element("p", { class: "hint", text: "Its values are those before it." }));
  } else if (!activation) {
    block.append(
      element("p", {
        class: "hint",
        text: "The numbers of this layer are left out, to keep the file small.",
      }),
    );
  } else if (layer.name === "input" && walk.readsWords) {
    block.append(...wordList(walk, activation, open));
  } else if (isLogits(walk, layer)) {
    block.append(...logitList(walk, activation, open));
  } else {
    block.append(...mapsOf(walk, layer, activation, status, open, buttons));
  }
  return block;
}

/**
 * The class that the page explains, and its rival.
 * @param {Walk} walk
 */
function preferred({ data: { classes, explained, reason } }) {
  return reason
    ? `${classes[reason.label]} rather than ${classes[reason.rival]}`
    : classes[explained];
}

/**
 * @param {Walk} walk
 * @param {Layer} layer
 */
function isLogits(walk, { name, shape }) {
  return name === walk.last && name !== "input" && shape[1] === 1 && shape[2] === 1;
}

/**
 * Outline the open number and the cells that it is computed from.
 * @param {Walk} walk
 * @param {Map<string, PlaneButton>} buttons
 * @param {Position | null} position
 */
function mark(walk, buttons, position) {
  for (const old of document.querySelectorAll(".outline")) old.remove();
  for (const one of document.querySelectorAll(".plane.used")) one.classList.remove("used");
  if (!position) return;
  /** @type {Map<string, CellSpan & { map: number }>} */
  const spans = new Map();
  extendSpan(spans, position);
  for (const term of termsOf(walk, position)) if (term.position) extendSpan(spans, term.position);
  for (const [key, span] of spans) {
    const target = buttons.get(key) ?? buttons.get(key.split(" ")[0]);
    if (!target) continue;
    target.button.classList.add("used");
    outline(target.button, target.plane, target.single ? columnSpan(span) : span);
  }
}

/**
 * @param {Map<string, CellSpan & { map: number }>} spans
 * @param {Position} position
 */
function extendSpan(spans, [layer, map, row, column]) {
  const key = `${layer} ${map}`;
  const old = spans.get(key);
  if (!old) {
    spans.set(key, { map, top: row, left: column, height: 1, width: 1 });
    return;
  }
  const bottom = Math.max(old.top + old.height, row + 1);
  const end = Math.max(old.left + old.width, column + 1);
  old.top = Math.min(old.top, row);
  old.left = Math.min(old.left, column);
  old.height = bottom - old.top;
  old.width = end - old.left;
}

/** @param {{ map: number }} span */
function columnSpan({ map }) {
  return { top: 0, left: map, height: 1, width: 1 };
}
