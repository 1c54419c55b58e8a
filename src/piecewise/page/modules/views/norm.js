/** Batch normalisation: shifted and scaled, the same for a whole map. */

import { element } from "piecewise/text.js";
import { ending, rowsOf } from "piecewise/views/terms.js";

/**
 * The value times weight / deviation, the mean so scaled and taken off, and the bias.
 * @type {View<NormLayer>["terms"]}
 */
export function terms(walk, layer, [, map, row, column]) {
  const [scale, mean, bias] = layer.terms[map];
  /** @type {Position} */
  const place = [layer.before, map, row, column];
  return [
    {
      weight: scale,
      value: walk.value(place),
      name: `${layer.name}.weight[${map}] / deviation`,
      place,
    },
    {
      weight: mean,
      value: 1,
      name: `${layer.name}.mean[${map}], scaled and taken off`,
      place: null,
    },
    { weight: bias, value: 1, name: `${layer.name}.bias[${map}]`, place: null },
  ];
}

/** @type {View<NormLayer>["show"]} */
export function show(walk, layer, place, found, open) {
  return [
    element("p", {
      class: "step",
      text:
        "The map's mean over the training pictures is taken off, and what is left is divided by " +
        "their deviation; then it is scaled and shifted by two learned numbers.",
    }),
    rowsOf(walk, found, open),
    ending("their sum", walk.value(place)),
  ];
}
