/** Embedding: each word is looked up in a table. */

import { element } from "piecewise/text.js";
import { ending, opens } from "piecewise/views/terms.js";

export function terms(walk, layer, [, map, , position]) {
  const word = walk.stack("input").values[position];
  const name = `${layer.name}.weight[${word}, ${map}]`;
  const weight = walk.weight(`${layer.name}.weight`, [layer.words.indexOf(word), map]);
  return [{ weight, value: 1, name, place: ["input", 0, word, position] }];
}

export function show(walk, layer, place, open) {
  const [term] = terms(walk, layer, place);
  const line = element(
    "p",
    { class: "step" },
    `Position ${place[3]} holds word number ${term.place[2]}${walk.wordAt(place[3]) || " (nothing)"}: it is `,
    opens(term.place, term.value, open, layer.input),
    ` there, 0 is any other. Its number for map ${place[1]} is looked up in the table ${layer.name}.weight.`,
  );
  return [line, ending(term.name, walk.value(place))];
}
