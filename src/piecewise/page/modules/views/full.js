/** Fully connected: every value gets a vote. */

import { element } from "piecewise/text.js";
import { biasTerm, resultLine, termTable } from "piecewise/views/terms.js";

/**
 * Bias first, then the votes, value by value.
 * @type {View<PlainLayer>["terms"]}
 */
export function terms(walk, layer, [, neuron]) {
  const [maps, rows, columns] = layer.input_shape;
  const result = [biasTerm(walk, layer, neuron)];
  for (let i = 0; i < maps * rows * columns; i++) {
    const position = walk.positionAt(layer.input_layer, i);
    result.push({
      weight: walk.weight(`${layer.name}.weight`, [neuron, i]),
      value: walk.value(position),
      name: `${layer.name}.weight[${neuron}, ${i}]`,
      position,
    });
  }
  return result;
}

/** @type {View<PlainLayer>["show"]} */
export function show(walk, layer, position, terms, open) {
  return [
    element("p", {
      class: "step",
      text: "Every value gets a vote: value times weight. All votes and the bias are added up.",
    }),
    termTable(walk, terms, open),
    resultLine(`sum of ${terms.length - 1} votes and the bias`, walk.value(position)),
  ];
}
