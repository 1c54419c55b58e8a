/** The view of each kind of layer, by its name in the notation. */

import * as conv from "piecewise/views/conv.js";
import * as dropout from "piecewise/views/dropout.js";
import * as embed from "piecewise/views/embed.js";
import * as full from "piecewise/views/full.js";
import * as input from "piecewise/views/input.js";
import * as norm from "piecewise/views/norm.js";
import * as pool from "piecewise/views/pool.js";
import * as relu from "piecewise/views/relu.js";
import { resultLine } from "piecewise/views/terms.js";

/** @type {Record<string, View<any>>} */
export const VIEWS = { conv, dropout, embed, full, input, norm, pool, relu };

/** The word number of padding. */
const PADDING = 0;

/**
 * Whether a position holds no word of a text.
 * @param {Walk} walk
 * @param {Layer} layer
 * @param {Position} position
 */
function isPadding(walk, layer, [, , , column]) {
  if (layer.word === "input" || layer.length === undefined) return false;
  const empty = layer.word === "embed" && walk.activation("input")?.values[column] === PADDING;
  return empty || column >= layer.length;
}

/**
 * The terms of the number at a position, in the order in which the engine adds them.
 * @param {Walk} walk
 * @param {Position} position
 */
export function termsOf(walk, position) {
  const layer = walk.layer(position[0]);
  return isPadding(walk, layer, position) ? [] : VIEWS[layer.word].terms(walk, layer, position);
}

/**
 * Elements that show how a number is computed; `open` is called with the position of another number.
 * @param {Walk} walk
 * @param {Position} position
 * @param {KnownTerm[]} terms
 * @param {Open} open
 */
export function showTerms(walk, position, terms, open) {
  const layer = walk.layer(position[0]);
  if (isPadding(walk, layer, position))
    return [resultLine("padding, after the end of the text", 0)];
  return VIEWS[layer.word].show(walk, layer, position, terms, open);
}
