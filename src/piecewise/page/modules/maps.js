/** What the walk shows of a layer: its maps, the words of a text, or the logits of the classes. */

import { rovingTabIndex, planeButton } from "piecewise/grid.js";
import { largestOf } from "piecewise/paint.js";
import { aligned, element, exactNumber, number, separated } from "piecewise/text.js";

const SIDE = 84;
const MAPS_SHOWN = 8;
const WORDS_SHOWN = 60;
const LOGITS_SHOWN = 12;

/**
 * The words of a text.
 * @param {Walk} walk
 * @param {Matrix} activation
 * @param {Open} open
 */
export function wordList(walk, activation, open) {
  const { words = [], textUnit: unit } = walk;
  const read = walk.words
    ? words.reduce((end, word, position) => (word ? position + 1 : end), 0)
    : Infinity;
  const items = [...activation.values].slice(0, read).map((word, position) =>
    element(
      "li",
      {},
      element("button", {
        type: "button",
        class: "opens",
        text: shownWord(words[position]),
        title: `position ${position + 1}: ${unit} number ${word + 1}`,
        "aria-label": `position ${position + 1}, ${unit} number ${word + 1}${walk.wordAt(position)}; open`,
        onclick: () => open(["input", 0, word, position]),
      }),
    ),
  );
  const padding = activation.values.length - items.length;
  const rest = padding
    ? [element("li", { class: "quiet", text: `and ${separated(padding)} of padding` })]
    : [];
  if (items.length <= WORDS_SHOWN) return [element("ol", { class: "words" }, ...items, ...rest)];
  const list = element("ol", { class: "words" }, ...items.slice(0, WORDS_SHOWN));
  const more = showAll(`show all ${separated(items.length)}`, () =>
    list.append(...items.slice(WORDS_SHOWN), ...rest),
  );
  return [list, more];
}

/** A word or a letter as text that can be seen. @param {string | undefined} word */
function shownWord(word) {
  if (!word) return "\u00b7";
  return word.trim() ? word : "\u2423"; // a space
}

/**
 * The logits with the names of their classes, the largest first.
 * @param {Walk} walk
 * @param {Matrix} activation
 * @param {Open} open
 */
export function logitList(walk, activation, open) {
  const { order, classes } = walk.data;
  const largest = largestOf(activation.values);
  const list = element("ol", { class: "words logits" });
  /** @param {number} label */
  const item = (label) => {
    /** @type {Position} */
    const position = [walk.last, label, 0, 0];
    const value = activation.values[label];
    const button = element(
      "button",
      {
        type: "button",
        class: "opens",
        "aria-label": `${walk.describe(position)}: ${exactNumber(value)}; open`,
        onclick: () => open(position),
      },
      element("strong", { text: classes[label] }),
      ` ${aligned(value, largest)}`,
    );
    return element("li", {}, button);
  };
  list.append(...order.slice(0, LOGITS_SHOWN).map(item));
  if (order.length <= LOGITS_SHOWN) return [list];
  const more = showAll(`show all ${separated(order.length)} logits`, () =>
    list.append(...order.slice(LOGITS_SHOWN).map(item)),
  );
  return [list, more];
}

/**
 * A button that adds what is folded, once.
 * @param {string} text
 * @param {() => void} add
 */
function showAll(text, add) {
  const more = element("button", { type: "button", class: "more", text });
  more.addEventListener("click", () => {
    add();
    more.remove();
  });
  return more;
}

/**
 * The maps of an activation, those with the largest votes first. If each map is a single number, all
 * maps are shown as one row.
 * @param {Walk} walk
 * @param {Layer} layer
 * @param {Matrix} activation
 * @param {HTMLElement} status
 * @param {Open} open
 * @param {Map<string, PlaneButton>} buttons
 */
export function mapsOf(walk, layer, activation, status, open, buttons) {
  const [count, rows, columns] = activation.shape;
  const largest = largestOf(activation.values);
  const single = rows === 1 && columns === 1;
  const votes = walk.data.map_votes[layer.name] ?? [];
  const order = Array.from({ length: single ? 1 : count }, (_, map) => map);
  if (count > MAPS_SHOWN) order.sort((a, b) => Math.abs(votes[b]) - Math.abs(votes[a]));
  const most = largestOf(votes);
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
    const button = planeButton(
      plane,
      {
        name: (row, column) => walk.describe(position(row, column)),
        onMove: (words) => {
          status.textContent = words;
        },
        open: (row, column) => open(position(row, column)),
      },
      single
        ? Math.min(720, Math.max(120, 14 * count))
        : Math.max(SIDE, Math.min(240, columns * 1.2)),
    );
    planeButtons.push(button);
    buttons.set(single ? layer.name : `${layer.name} ${map}`, { button, plane, single });
    if (single) button.classList.add("line");
    if (single || count === 1) return button;
    const vote = votes.length ? element("small", { text: signed(votes[map], most) }) : null;
    const name = element("span", { text: walk.mapName(layer.name, map) });
    const figure = element("figure", {}, button, element("figcaption", {}, name, vote));
    figure.style.width = button.style.width;
    return figure;
  };
  const list = element("div", { class: "maps" }, ...order.slice(0, MAPS_SHOWN).map(make));
  rovingTabIndex(planeButtons);
  const scale = element("p", {
    class: "scale",
    text: `\u2212${number(largest)} to ${number(largest)}`,
  });
  if (order.length <= MAPS_SHOWN) return [list, scale];
  const more = showAll(`show all ${separated(count)} maps`, () => {
    list.append(...order.slice(MAPS_SHOWN).map(make));
    rovingTabIndex(planeButtons);
  });
  return [list, scale, more];
}

/**
 * @param {number} vote
 * @param {number} largest
 */
function signed(vote, largest) {
  const formatted = aligned(vote, 10 * largest); // three digits
  return vote > 0 ? `+${formatted}` : formatted;
}
