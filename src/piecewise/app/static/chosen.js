/** The map that is chosen, and the maps whose votes are taken away. */

import { blocksOf } from "app/blocks.js";
import { askAgain } from "app/live.js";
import { state, update } from "app/store.js";
import { voteSums } from "app/votes.js";

/**
 * Choose a map of a layer: of the block to which it belongs.
 * @param {string} layer
 * @param {number} map
 */
export function chooseMap(layer, map) {
  update({ chosen: { layer, map } });
}

/**
 * The chosen map with its block; by default that with the largest vote for the answer.
 * @param {Walk} walk
 */
export function chosenMap(walk) {
  const blocks = blocksOf(walk).slice(1);
  const { chosen } = state;
  const own = chosen && blocks.find((block) => block.some(({ name }) => name === chosen.layer));
  if (own && chosen.map < own[0].shape[0]) return { block: own, map: chosen.map };
  const { layer } = walk.data.votes;
  const voting = blocks.find((block) => block.some(({ name }) => name === layer));
  const sums = voteSums(walk, walk.data.explained);
  if (!voting || !sums) return null;
  return { block: voting, map: sums.indexOf(Math.max(...sums)) };
}

/**
 * The layer of a block whose numbers say how much a map matches: before pooling.
 * @param {Layer[]} block
 */
export function matchLayer(block) {
  const pool = block.findIndex(({ word }) => word === "pool");
  return block[(pool > 0 ? pool : block.length) - 1].name;
}

/**
 * Whether the votes of a map are taken away.
 * @param {Layer[]} block
 * @param {number} map
 */
export function isMuted(block, map) {
  return state.muted.some(([layer, one]) => one === map && layer === lastOf(block));
}

/** The muted maps of a block. @param {Layer[]} block */
export function mutedMaps(block) {
  const own = block.length ? lastOf(block) : "";
  return new Set(state.muted.filter(([layer]) => layer === own).map(([, map]) => map));
}

/**
 * Take away the votes of a map, or give them back.
 * @param {Layer[]} block
 * @param {number} map
 */
export function toggleMuted(block, map) {
  const layer = lastOf(block);
  const others = state.muted.filter(([name, one]) => one !== map || name !== layer);
  /** @type {[string, number][]} */
  const muted = isMuted(block, map) ? others : [...others, [layer, map]];
  update({ muted });
  askAgain();
}

/** Give all votes back. */
export function unmuteAll() {
  update({ muted: [] });
  askAgain();
}

/** @param {Layer[]} block */
function lastOf(block) {
  return block[block.length - 1].name;
}
