/** Convolution in the steps of the deck: line up, multiply, add, divide. */

import { element, number } from "piecewise/text.js";
import { biasTerm, resultLine, smallGrid } from "piecewise/views/terms.js";

const CHANNELS_SHOWN = 3;

/** @typedef {{channel: number, cells: (KnownTerm | null)[][], total: number}} Channel */

/**
 * The terms of a number, in the order in which the engine adds them.
 * @type {View<ConvLayer>["terms"]}
 */
export function terms(walk, layer, [, map, row, column]) {
  const [top, height, rowOffset] = layer.rows[row];
  const [left, width, columnOffset] = layer.columns[column];
  /** @type {Term[]} */
  const result = layer.bias ? [biasTerm(walk, layer, map)] : [];
  for (let channel = 0; channel < layer.input_shape[0]; channel++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = [map, channel, rowOffset + y, columnOffset + x];
        /** @type {Position} */
        const position = [layer.input_layer, channel, top + y, left + x];
        result.push({
          weight: walk.weight(`${layer.name}.weight`, at),
          value: walk.value(position),
          name: `${layer.name}.weight[${at.join(", ")}]`,
          position,
        });
      }
    }
  }
  return result;
}

/**
 * Patch, kernel and products of each channel, those with the largest sums first; then the total.
 * @type {View<ConvLayer>["show"]}
 */
export function show(walk, layer, position, terms, open) {
  const channels = byChannel(layer, position, terms);
  const shown = element("div", { class: "channels" });
  const more = element("button", { type: "button", class: "more" });
  let count = 0;
  const add = () => {
    const some = channels.slice(count, count + CHANNELS_SHOWN);
    shown.append(...some.map((channel) => channelGrids(walk, layer, channel, open)));
    count += some.length;
    more.hidden = count >= channels.length;
    more.textContent = `show more channels (${channels.length - count} left)`;
  };
  more.addEventListener("click", add);
  add();
  return [
    element("p", {
      class: "step",
      text:
        "Line up the kernel with the patch, multiply cell by cell and add up the products" +
        (layer.bias ? ", and add the bias." : ".") +
        (layer.count > 1 ? ` Divide by the number of cells, ${layer.count}.` : ""),
    }),
    shown,
    more,
    sum(walk, layer, position, channels, terms),
  ];
}

/**
 * The terms of each input channel on the kernel's grid, and their sum.
 * @param {ConvLayer} layer
 * @param {Position} position
 * @param {KnownTerm[]} terms
 * @returns {Channel[]}
 */
function byChannel(layer, [, , row, column], terms) {
  const [, height, rowOffset] = layer.rows[row];
  const [, width, columnOffset] = layer.columns[column];
  const first = layer.bias ? 1 : 0;
  const channels = [];
  for (let channel = 0; channel < layer.input_shape[0]; channel++) {
    const own = terms.slice(
      first + channel * height * width,
      first + (channel + 1) * height * width,
    );
    const cells = Array.from({ length: layer.kernel[0] }, () => Array(layer.kernel[1]).fill(null));
    own.forEach((term, i) => {
      cells[rowOffset + Math.floor(i / width)][columnOffset + (i % width)] = term;
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
  const head =
    layer.input_shape[0] > 1
      ? `${layer.input_layer}, ${walk.mapName(layer.input_layer, channel)}: `
      : "";
  return element(
    "div",
    { class: "channel" },
    element("p", { class: "head", text: `${head}products add up to ${number(total, 5)}` }),
    element(
      "div",
      { class: "grids" },
      grid("patch", (term) => ({ value: term.value, position: term.position })),
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
 * @param {Position} position
 * @param {Channel[]} channels
 * @param {KnownTerm[]} terms
 */
function sum(walk, layer, position, channels, terms) {
  const count = terms.length - (layer.bias ? 1 : 0);
  const bias = layer.bias ? ` + bias ${number(terms[0].weight, 6)}` : "";
  const divided = layer.count > 1 ? `, divided by ${layer.count},` : "";
  const products = channels.reduce((total, { total: one }) => total + one, 0);
  return resultLine(
    `${count} products: ${number(products, 6)}${bias}${divided}`,
    walk.value(position),
  );
}
