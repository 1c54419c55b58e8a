/** Convolution, in the deck's steps: line up, multiply, add, (divide). */

import { element, number } from "piecewise/text.js";
import { biasTerm, ending, smallGrid } from "piecewise/views/terms.js";

const FIRST = 3;

/** @typedef {{channel: number, cells: (KnownTerm | null)[][], total: number}} Channel */

/**
 * The terms of a number, in the order in which the engine adds them.
 * @type {View<ConvLayer>["terms"]}
 */
export function terms(walk, layer, [, map, row, column]) {
  const [top, high, downs] = layer.rows[row];
  const [left, wide, overs] = layer.columns[column];
  /** @type {Term[]} */
  const found = layer.bias ? [biasTerm(walk, layer, map)] : [];
  for (let channel = 0; channel < layer.input[0]; channel++) {
    for (let y = 0; y < high; y++) {
      for (let x = 0; x < wide; x++) {
        const at = [map, channel, downs + y, overs + x];
        /** @type {Position} */
        const place = [layer.before, channel, top + y, left + x];
        found.push({
          weight: walk.weight(`${layer.name}.weight`, at),
          value: walk.value(place),
          name: `${layer.name}.weight[${at.join(", ")}]`,
          place,
        });
      }
    }
  }
  return found;
}

/**
 * Patch, kernel and products of each channel, those that say most first; then the sum.
 * @type {View<ConvLayer>["show"]}
 */
export function show(walk, layer, place, found, open) {
  const channels = byChannel(layer, place, found);
  const shown = element("div", { class: "channels" });
  const more = element("button", { type: "button", class: "more" });
  let count = 0;
  const add = () => {
    const some = channels.slice(count, count + FIRST);
    shown.append(...some.map((channel) => channelGrids(walk, layer, channel, open)));
    count += some.length;
    more.hidden = count >= channels.length;
    more.textContent = `show more of ${channels.length - count} further channels`;
  };
  more.addEventListener("click", add);
  add();
  return [
    element("p", {
      class: "step",
      text:
        "Line the kernel up with the patch, multiply cell by cell, add up" +
        (layer.bias ? ", and add the bias." : ".") +
        (layer.count > 1 ? ` Divide by the number of cells, ${layer.count}.` : ""),
    }),
    shown,
    more,
    sum(walk, layer, place, channels, found),
  ];
}

/**
 * The terms of each input channel on the kernel's grid, and what they come to.
 * @param {ConvLayer} layer
 * @param {Position} position
 * @param {KnownTerm[]} found
 * @returns {Channel[]}
 */
function byChannel(layer, [, , row, column], found) {
  const [, high, downs] = layer.rows[row];
  const [, wide, overs] = layer.columns[column];
  const first = layer.bias ? 1 : 0;
  const channels = [];
  for (let channel = 0; channel < layer.input[0]; channel++) {
    const own = found.slice(first + channel * high * wide, first + (channel + 1) * high * wide);
    const cells = Array.from({ length: layer.kernel[0] }, () => Array(layer.kernel[1]).fill(null));
    own.forEach((term, i) => {
      cells[downs + Math.floor(i / wide)][overs + (i % wide)] = term;
    });
    const total = own.reduce((sum, term) => sum + term.weight * term.value, 0);
    channels.push({ channel, cells, total });
  }
  return channels.sort((a, b) => Math.abs(b.total) - Math.abs(a.total));
}

/**
 * @param {Walk} walk
 * @param {ConvLayer} layer
 * @param {Channel} channel
 * @param {Open} open
 */
function channelGrids(walk, layer, { channel, cells, total }, open) {
  /** @type {(title: string, of: (term: KnownTerm) => GridCell) => HTMLElement} */
  const grid = (title, of) =>
    smallGrid(
      title,
      cells.map((line) => line.map((t) => t && of(t))),
      open,
      walk,
    );
  const head = layer.input[0] > 1 ? `${layer.before}, map ${channel}: ` : "";
  return element(
    "div",
    { class: "channel" },
    element("p", { class: "head", text: `${head}products add up to ${number(total, 5)}` }),
    element(
      "div",
      { class: "grids" },
      grid("patch", (term) => ({ value: term.value, place: term.place })),
      element("span", { class: "sign", "aria-hidden": "true", text: "\u00d7" }),
      grid("kernel", (term) => ({ value: term.weight })),
      element("span", { class: "sign", "aria-hidden": "true", text: "=" }),
      grid("products", (term) => ({ value: term.weight * term.value })),
    ),
  );
}

/**
 * @param {Walk} walk
 * @param {ConvLayer} layer
 * @param {Position} place
 * @param {Channel[]} channels
 * @param {KnownTerm[]} found
 */
function sum(walk, layer, place, channels, found) {
  const count = found.length - (layer.bias ? 1 : 0);
  const bias = layer.bias ? ` + bias ${number(found[0].weight, 6)}` : "";
  const divided = layer.count > 1 ? `, divided by ${layer.count},` : "";
  const products = channels.reduce((total, { total: one }) => total + one, 0);
  return ending(`${count} products: ${number(products, 6)}${bias}${divided}`, walk.value(place));
}
