/** Fully connected: every value gets a vote. */

import { element } from "piecewise/text.js";
import { biasTerm, ending, rowsOf } from "piecewise/views/terms.js";

/**
 * Bias first, then the votes, value by value.
 * @type {View<PlainLayer>["terms"]}
 */
export function terms(walk, layer, [, neuron]) {
  const [maps, rows, columns] = layer.input;
  const found = [biasTerm(walk, layer, neuron)];
  for (let i = 0; i < maps * rows * columns; i++) {
    /** @type {Position} */
    const place = [
      layer.before,
      Math.floor(i / (rows * columns)),
      Math.floor(i / columns) % rows,
      i % columns,
    ];
    found.push({
      weight: walk.weight(`${layer.name}.weight`, [neuron, i]),
      value: walk.value(place),
      name: `${layer.name}.weight[${neuron}, ${i}]`,
      place,
    });
  }
  return found;
}

/** @type {View<PlainLayer>["show"]} */
export function show(walk, layer, place, found, open) {
  return [
    element("p", {
      class: "step",
      text: "Every value gets a vote: value times weight. All votes and the bias are added up.",
    }),
    rowsOf(walk, found, open),
    ending(`sum of ${found.length - 1} votes and the bias`, walk.value(place)),
  ];
}
