/** The walk: the feature maps of every layer, from the input to the votes. */

import { rovingTabIndex, outline, planeButton } from "piecewise/grid.js";
import { largestOf } from "piecewise/paint.js";
import { element, number, describePosition } from "piecewise/text.js";
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
  embed: "turns each word into numbers",
};
const SIDE = 84;
const MAPS_SHOWN = 64;

/**
 * @param {Walk} walk
 * @param {Open} open
 */
export function walkSection(walk, open) {
  const section = element(
    "section",
    { class: "walk", id: "walk" },
    element("h2", { text: "The walk, from the input to the votes" }),
    element("p", {
      class: "hint",
      text:
        "Orange is above zero, blue is below. Point at a number, or go to a map with Tab and move with " +
        "the arrow keys (Page Down: the next map). Click or press Enter to see how it is computed.",
    }),
  );
  const status = element("p", { class: "status", role: "status" });
  /** @type {Map<string, PlaneButton>} */
  const buttons = new Map();
  for (const layer of walk.layers.values())
    section.append(layerBlock(walk, layer, status, open, buttons));
  section.append(status);
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
      element("span", { class: "shape", text: layer.shape.join("\u00d7") }),
      element("span", { class: "summary", text: LAYER_SUMMARIES[layer.word] ?? "" }),
    ),
  );
  const activation = walk.activation(layer.name);
  if (!activation) {
    block.append(
      element("p", {
        class: "hint",
        text: "The numbers of this layer are left out, to keep the file small.",
      }),
    );
  } else if (layer.name === "input" && walk.readsWords) {
    block.append(wordList(walk, activation, open));
  } else {
    block.append(...maps(walk, layer, activation, status, open, buttons));
  }
  return block;
}

/**
 * @param {Walk} walk
 * @param {Matrix} activation
 * @param {Open} open
 */
function wordList(walk, activation, open) {
  const items = [...activation.values].map((word, position) =>
    element(
      "li",
      {},
      element("button", {
        type: "button",
        class: "opens",
        text: walk.words?.[position] || "\u00b7",
        title: `position ${position}: word number ${word}`,
        "aria-label": `position ${position}, word number ${word}${walk.wordAt(position)}; open`,
        onclick: () => open(["input", 0, word, position]),
      }),
    ),
  );
  return element("ol", { class: "words" }, ...items);
}

/**
 * The maps of an activation. If each map is a single number, all maps are shown as one row.
 * @param {Walk} walk
 * @param {Layer} layer
 * @param {Matrix} activation
 * @param {HTMLElement} status
 * @param {Open} open
 * @param {Map<string, PlaneButton>} buttons
 */
function maps(walk, layer, activation, status, open, buttons) {
  const [count, rows, columns] = activation.shape;
  const largest = largestOf(activation.values);
  const single = rows === 1 && columns === 1;
  /** @type {HTMLButtonElement[]} */
  const planeButtons = [];
  /** @param {number} map */
  const make = (map) => {
    const plane = single
      ? { values: activation.values, start: 0, rows: 1, columns: count, largest }
      : { values: activation.values, start: map * rows * columns, rows, columns, largest };
    /** @type {(row: number, column: number) => Position} */
    const position = (row, column) =>
      single ? [layer.name, column, 0, 0] : [layer.name, map, row, column];
    const side = single ? Math.min(720, Math.max(120, 14 * count)) : SIDE;
    const button = planeButton(
      plane,
      {
        name: (row, column) => describePosition(position(row, column), layer.shape),
        onMove: (words) => {
          status.textContent = words;
        },
        open: (row, column) => open(position(row, column)),
      },
      single ? side : Math.max(SIDE, Math.min(240, columns * 1.2)),
    );
    if (single) button.classList.add("line");
    planeButtons.push(button);
    buttons.set(single ? layer.name : `${layer.name} ${map}`, { button, plane, single });
    return button;
  };
  const list = element("div", { class: "maps" });
  const planes = single ? 1 : count;
  for (let map = 0; map < Math.min(planes, MAPS_SHOWN); map++) list.append(make(map));
  rovingTabIndex(planeButtons);
  const scale = element("p", {
    class: "scale",
    text: `\u2212${number(largest)} to ${number(largest)}`,
  });
  if (planes <= MAPS_SHOWN) return [list, scale];
  const more = element("button", {
    type: "button",
    class: "more",
    text: `show all ${planes} maps`,
  });
  more.addEventListener("click", () => {
    for (let map = MAPS_SHOWN; map < planes; map++) list.append(make(map));
    rovingTabIndex(planeButtons);
    more.remove();
  });
  return [list, scale, more];
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
