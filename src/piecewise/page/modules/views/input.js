/** The input: it is not computed from other numbers. */

import { element } from "piecewise/text.js";
import { resultLine } from "piecewise/views/terms.js";

/** @type {View<InputLayer>["terms"]} */
export function terms() {
  return [];
}

/** @type {View<InputLayer>["show"]} */
export function show(walk, layer, position) {
  const [, , row, column] = position;
  const holds = walk.value(position) ? "holds" : "does not hold";
  const words = walk.readsWords
    ? `The text as a one-hot array: a row for each ${walk.textUnit}, a column for each position. ` +
      `Position ${column + 1}${walk.wordAt(column)} ${holds} ${walk.textUnit} number ${row + 1}.`
    : `A number of the input: ${walk.cellWords(row, column)}. ` + "The walk starts here.";
  return [element("p", { class: "step", text: words }), resultLine("input", walk.value(position))];
}
