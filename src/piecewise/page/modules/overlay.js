/** What mattered, over the input: a heat map over a picture, or colours behind the words of a text. */

import { planeButton } from "piecewise/grid.js";
import { largestOf } from "piecewise/paint.js";
import { element, number } from "piecewise/text.js";

const PICTURE_SIDE = 272; // pixels
/** @type {[height: number, width: number]} */
const SOUND_SIZE = [170, 340];
const TOKENS_SHOWN = 40;

/**
 * The input with an attribution over it, as a button in which every cell can be read; a text as
 * coloured words. Null if the attribution is not in the page.
 * @param {Walk} walk
 * @param {Attribution} attribution
 * @param {(words: string) => void} onMove
 * @param {Open} open called with the number of the input under the cursor
 */
export function overlay(walk, attribution, onMove, open) {
  const matrix = walk.array(`attribution ${attribution.method}`);
  if (!matrix) return null;
  if (walk.words) return colouredText(walk, walk.words, matrix);
  const [rows, columns] = matrix.shape;
  const plane = {
    values: matrix.values,
    start: 0,
    rows,
    columns,
    largest: largestOf(matrix.values),
  };
  const actions = {
    name: (/** @type {number} */ row, /** @type {number} */ column) =>
      `${attribution.method}, ${walk.cellWords(row, column)}`,
    onMove,
    open: (/** @type {number} */ row, /** @type {number} */ column) =>
      open(["input", 0, row, column]),
  };
  const size = walk.data.kind === "sounds" ? SOUND_SIZE : PICTURE_SIDE;
  return planeButton(plane, actions, size, walk.data.image ?? undefined);
}

/**
 * The legend of an attribution: its colours, from the largest value against the class to the
 * largest for it.
 * @param {Walk} walk
 * @param {Attribution} attribution
 */
export function legend(walk, attribution) {
  const { passages } = walk.data;
  const cells = walk.array(`attribution ${attribution.method}`)?.values ?? new Float32Array();
  const values = passages ? sumsOf(passages, cells) : cells;
  const name = walk.data.classes[attribution.label];
  const largest = number(largestOf(values), 3);
  return element(
    "p",
    { class: "scale ends" },
    element("span", { text: `against ${name} \u2212${largest}` }),
    element("span", { text: `+${largest} for ${name}` }),
  );
}

/**
 * @param {Walk} walk
 * @param {string[]} words
 * @param {Matrix} matrix
 */
function colouredText(walk, words, { values }) {
  const { passages, text } = walk.data;
  if (passages) return colouredPassages(passages, values);
  const parts = words.map((word, position) => ({ word, value: values[position] }));
  const shown = parts.filter(({ word }) => word !== "");
  if (shown.length > TOKENS_SHOWN) shown.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const largest = largestOf(values);
  const items = shown.slice(0, TOKENS_SHOWN).map(({ word, value }) => {
    const mark = coloured(word, value, largest);
    return element("li", {}, mark, element("small", { text: number(value, 2) }));
  });
  const left = shown.length - items.length;
  return element(
    "div",
    {},
    text ? element("blockquote", { text }) : null,
    element("ol", { class: "words weighed" }, ...items),
    left > 0 ? element("p", { class: "hint", text: `and ${left} with smaller values` }) : null,
  );
}

/**
 * The value of each passage, as `passage_sums` of insight/attribution/passages.py: passages share
 * a position equally.
 * @param {Passage[]} passages
 * @param {Float32Array} values
 */
function sumsOf(passages, values) {
  const counts = new Float64Array(values.length);
  for (const [, positions] of passages) for (const position of positions) counts[position]++;
  return passages.map(([, positions]) =>
    positions.reduce((sum, position) => sum + values[position] / counts[position], 0),
  );
}

/**
 * A text as it was written. What the net does not read is quiet.
 * @param {Passage[]} passages
 * @param {Float32Array} values
 */
function colouredPassages(passages, values) {
  const sums = sumsOf(passages, values);
  const largest = largestOf(sums);
  const parts = passages.map(([text, positions], i) => {
    const word = text.trimEnd();
    const space = text.slice(word.length);
    return [
      positions.length
        ? coloured(word, sums[i], largest)
        : element("span", { class: "quiet", text: word }),
      space,
    ];
  });
  return element("blockquote", { class: "coloured" }, ...parts.flat());
}

/**
 * @param {string} word
 * @param {number} value
 * @param {number} largest
 */
function coloured(word, value, largest) {
  const mark = element("span", { class: "word", text: word, title: number(value, 3) });
  const strength = Math.round(45 * (Math.abs(value) / (largest || 1)) ** 0.6);
  mark.style.background = `color-mix(in srgb, var(--${value < 0 ? "below" : "above"}) ${strength}%, transparent)`;
  return mark;
}
