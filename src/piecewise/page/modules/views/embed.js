/** Embedding: a table holds the numbers of each word. */

import { element } from "piecewise/text.js";
import { openButton, resultLine } from "piecewise/views/terms.js";

/** @type {View<EmbedLayer>["terms"]} */
export function terms(walk, layer, [, map, , position]) {
  const word = walk.activation("input")?.values[position] ?? -1; // -1: not in the page
  const name = `${layer.name}.weight[${word}, ${map}]`;
  const weight = walk.weight(`${layer.name}.weight`, [layer.words.indexOf(word), map]);
  return [{ weight, value: 1, name, position: ["input", 0, word, position] }];
}

/** @type {View<EmbedLayer>["show"]} */
export function show(walk, layer, position, terms, open) {
  const [term] = terms;
  const unit = walk.textUnit;
  const line = element(
    "p",
    { class: "step" },
    `Position ${position[3] + 1} holds ${unit} number ${(term.position?.[2] ?? 0) + 1}${walk.wordAt(position[3]) || ` (no ${unit})`}: its input is `,
    openButton(term, open, walk),
    `, that of all other ${unit}s is 0. The number of this ${unit} for map ${position[1] + 1} is in the table ${layer.name}.weight.`,
  );
  return [line, resultLine(term.name, walk.value(position))];
}
