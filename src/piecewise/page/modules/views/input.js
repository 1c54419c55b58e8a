/** The input: where every number ends. */

import { element } from "piecewise/text.js";
import { ending } from "piecewise/views/terms.js";

/** @type {View<InputLayer>["terms"]} */
export function terms() {
  return [];
}

/** @type {View<InputLayer>["show"]} */
export function show(walk, layer, place) {
  const words = walk.readsWords
    ? `The picture of a text: a row a word, a column a position. Word number ${place[2]} ` +
      `${walk.value(place) ? "stands" : "does not stand"} at position ${place[3]}${walk.wordAt(place[3])}.`
    : `A number of the input itself: ${walk.cellWords(place[2], place[3])}. ` +
      "Here the walk began.";
  return [element("p", { class: "step", text: words }), ending("input", walk.value(place))];
}
