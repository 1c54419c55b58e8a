/** The view of each kind of layer, by its word in the notation. */

import * as conv from "piecewise/views/conv.js";
import * as dropout from "piecewise/views/dropout.js";
import * as embed from "piecewise/views/embed.js";
import * as full from "piecewise/views/full.js";
import * as input from "piecewise/views/input.js";
import * as norm from "piecewise/views/norm.js";
import * as pool from "piecewise/views/pool.js";
import * as relu from "piecewise/views/relu.js";

/** @type {Record<string, View<any>>} */
export const VIEWS = { conv, dropout, embed, full, input, norm, pool, relu };

/**
 * What a number at a place is made of: terms, in the engine's order.
 * @param {Walk} walk
 * @param {Position} place
 */
export function termsOf(walk, place) {
  const layer = walk.layer(place[0]);
  return VIEWS[layer.word].terms(walk, layer, place);
}

/**
 * Elements that show how a number came to be; `open` is called with the place of another.
 * @param {Walk} walk
 * @param {Position} place
 * @param {KnownTerm[]} terms
 * @param {Open} open
 */
export function shown(walk, place, terms, open) {
  const layer = walk.layer(place[0]);
  return VIEWS[layer.word].show(walk, layer, place, terms, open);
}
