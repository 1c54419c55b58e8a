/** Batch normalization: one shift and one scale for each map. */

import { element } from "piecewise/text.js";
import { resultLine, termTable } from "piecewise/views/terms.js";

/**
 * The value times weight / deviation, minus the mean scaled in the same way, plus the bias.
 * @type {View<NormLayer>["terms"]}
 */
export function terms(walk, layer, [, map, row, column]) {
  const [scale, mean, bias] = layer.terms[map];
  /** @type {Position} */
  const position = [layer.input_layer, map, row, column];
  return [
    {
      weight: scale,
      value: walk.value(position),
      name: `${layer.name}.weight[${map}] / deviation`,
      position,
    },
    {
      weight: mean,
      value: 1,
      name: `${layer.name}.mean[${map}], scaled and subtracted`,
      position: null,
    },
    { weight: bias, value: 1, name: `${layer.name}.bias[${map}]`, position: null },
  ];
}

/** @type {View<NormLayer>["show"]} */
export function show(walk, layer, position, terms, open) {
  return [
    element("p", {
      class: "step",
      text:
        "Subtract the running mean of the map, divide by its running standard deviation, then scale " +
        "and shift by two learned numbers (weight and bias).",
    }),
    termTable(walk, terms, open),
    resultLine("their sum", walk.value(position)),
  ];
}
