/** The walk: every layer's maps, from the input to the votes. */

import { oneStop, outline, planeButton } from "piecewise/grid.js";
import { largestOf } from "piecewise/paint.js";
import { element, number, placeWords } from "piecewise/text.js";
import { termsOf } from "piecewise/views/index.js";

/** @type {Record<string, string>} */
const DEEDS = {
  input: "what goes in",
  conv: "each kernel is matched against every patch",
  norm: "each map shifted and scaled",
  relu: "everything negative becomes zero",
  pool: "one number of each window is kept",
  full: "every value gets a vote",
  dropout: "while it answers, everything passes",
  embed: "each word becomes numbers",
};
const SIDE = 84;
const FIRST = 64;

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
        "Orange is above zero, blue below. Point at a number, or go to a map with Tab and move " +
        "with the arrow keys (Page Down: the next map); click or press Enter to open it.",
    }),
  );
  const told = element("p", { class: "told", role: "status" });
  /** @type {Map<string, PlaneButton>} */
  const buttons = new Map();
  for (const layer of walk.layers.values())
    section.append(layerBlock(walk, layer, told, open, buttons));
  section.append(told);
  /** @type {(place: Position | null) => void} */
  const markPlace = (place) => mark(walk, buttons, place);
  return { section, mark: markPlace };
}

/**
 * @param {Walk} walk
 * @param {Layer} layer
 * @param {HTMLElement} told
 * @param {Open} open
 * @param {Map<string, PlaneButton>} buttons
 */
function layerBlock(walk, layer, told, open, buttons) {
  const block = element(
    "div",
    { class: "layer" },
    element(
      "h3",
      {},
      element("span", { class: "name", text: layer.name }),
      element("code", { text: layer.notation }),
      element("span", { class: "shape", text: layer.shape.join("\u00d7") }),
      element("span", { class: "deed", text: DEEDS[layer.word] ?? "" }),
    ),
  );
  const stack = walk.stack(layer.name);
  if (!stack) {
    block.append(
      element("p", { class: "hint", text: "There was no room for its numbers in this page." }),
    );
  } else if (layer.name === "input" && walk.readsWords) {
    block.append(wordList(walk, stack, open));
  } else {
    block.append(...maps(walk, layer, stack, told, open, buttons));
  }
  return block;
}

/**
 * @param {Walk} walk
 * @param {Matrix} stack
 * @param {Open} open
 */
function wordList(walk, stack, open) {
  const items = [...stack.values].map((word, position) =>
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
 * The maps of a stack; of single numbers a map, all of them as one row.
 * @param {Walk} walk
 * @param {Layer} layer
 * @param {Matrix} stack
 * @param {HTMLElement} told
 * @param {Open} open
 * @param {Map<string, PlaneButton>} buttons
 */
function maps(walk, layer, stack, told, open, buttons) {
  const [count, rows, columns] = stack.shape;
  const largest = largestOf(stack.values);
  const single = rows === 1 && columns === 1;
  /** @type {HTMLButtonElement[]} */
  const made = [];
  /** @param {number} map */
  const make = (map) => {
    const plane = single
      ? { values: stack.values, start: 0, rows: 1, columns: count, largest }
      : { values: stack.values, start: map * rows * columns, rows, columns, largest };
    /** @type {(row: number, column: number) => Position} */
    const place = (row, column) =>
      single ? [layer.name, column, 0, 0] : [layer.name, map, row, column];
    const side = single ? Math.min(720, Math.max(120, 14 * count)) : SIDE;
    const button = planeButton(
      plane,
      {
        name: (row, column) => placeWords(place(row, column), layer.shape),
        told: (words) => {
          told.textContent = words;
        },
        open: (row, column) => open(place(row, column)),
      },
      single ? side : Math.max(SIDE, Math.min(240, columns * 1.2)),
    );
    if (single) button.classList.add("line");
    made.push(button);
    buttons.set(single ? layer.name : `${layer.name} ${map}`, { button, plane, single });
    return button;
  };
  const list = element("div", { class: "maps" });
  const planes = single ? 1 : count;
  for (let map = 0; map < Math.min(planes, FIRST); map++) list.append(make(map));
  oneStop(made);
  const scale = element("p", {
    class: "scale",
    text: `\u2212${number(largest)} to ${number(largest)}`,
  });
  if (planes <= FIRST) return [list, scale];
  const more = element("button", {
    type: "button",
    class: "more",
    text: `show all ${planes} maps`,
  });
  more.addEventListener("click", () => {
    for (let map = FIRST; map < planes; map++) list.append(make(map));
    oneStop(made);
    more.remove();
  });
  return [list, scale, more];
}

/**
 * Outline, in the maps, the cells that the open number is made of, and the number itself.
 * @param {Walk} walk
 * @param {Map<string, PlaneButton>} buttons
 * @param {Position | null} place
 */
function mark(walk, buttons, place) {
  for (const old of document.querySelectorAll(".outline")) old.remove();
  for (const one of document.querySelectorAll(".plane.of")) one.classList.remove("of");
  if (!place) return;
  /** @type {Map<string, CellSpan & { map: number }>} */
  const spans = new Map();
  spanned(spans, place);
  for (const term of termsOf(walk, place)) if (term.place) spanned(spans, term.place);
  for (const [key, span] of spans) {
    const found = buttons.get(key) ?? buttons.get(key.split(" ")[0]);
    if (!found) continue;
    found.button.classList.add("of");
    outline(found.button, found.plane, found.single ? across(span) : span);
  }
}

/**
 * @param {Map<string, CellSpan & { map: number }>} spans
 * @param {Position} position
 */
function spanned(spans, [layer, map, row, column]) {
  const key = `${layer} ${map}`;
  const old = spans.get(key);
  if (!old) {
    spans.set(key, { map, top: row, left: column, high: 1, wide: 1 });
    return;
  }
  const bottom = Math.max(old.top + old.high, row + 1);
  const right = Math.max(old.left + old.wide, column + 1);
  old.top = Math.min(old.top, row);
  old.left = Math.min(old.left, column);
  old.high = bottom - old.top;
  old.wide = right - old.left;
}

/** @param {{ map: number }} span */
function across({ map }) {
  return { top: 0, left: map, high: 1, wide: 1 };
}
