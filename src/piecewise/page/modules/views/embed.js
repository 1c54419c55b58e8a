/** Embedding: each word is looked up in a table. */

import { element } from "piecewise/text.js";
import { ending, opens } from "piecewise/views/terms.js";

/** @type {View<EmbedLayer>["terms"]} */
export function terms(walk, layer, [, map, , position]) {
  const word = walk.stack("input")?.values[position] ?? -1; // -1: not in the page
  const name = `${layer.name}.weight[${word}, ${map}]`;
  const weight = walk.weight(`${layer.name}.weight`, [layer.words.indexOf(word), map]);
  return [{ weight, value: 1, name, place: ["input", 0, word, position] }];
}

/** @type {View<EmbedLayer>["show"]} */
export function show(walk, layer, place, found, open) {
  const [term] = found;
  const line = element(
    "p",
    { class: "step" },
    `Position ${place[3]} holds word number ${term.place?.[2]}${walk.wordAt(place[3]) || " (nothing)"}: it is `,
    opens(term, open, layer.input),
    ` there, 0 is any other. Its number for map ${place[1]} is looked up in the table ${layer.name}.weight.`,
  );
  return [line, ending(term.name, walk.value(place))];
}
