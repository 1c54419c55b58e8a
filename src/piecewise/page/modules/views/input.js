/** The input: it is not computed from other numbers. */

import { element } from "piecewise/text.js";
import { resultLine } from "piecewise/views/terms.js";

/** @type {View<InputLayer>["terms"]} */
export function terms() {
  return [];
}

/** @type {View<InputLayer>["show"]} */
export function show(walk, layer, position) {
  const words = walk.readsWords
    ? `The text as a one-hot array: a row for each word, a column for each position. Word number ${position[2] + 1} ` +
      `${walk.value(position) ? "is" : "is not"} at position ${position[3] + 1}${walk.wordAt(position[3])}.`
    : `A number of the input: ${walk.cellWords(position[2], position[3])}. ` +
      "The walk starts here.";
  return [element("p", { class: "step", text: words }), resultLine("input", walk.value(position))];
}
