/** Dropout: while a net answers, everything is let through. */

import { element } from "piecewise/text.js";
import { openButton, resultLine } from "piecewise/views/terms.js";

/** @type {View<PlainLayer>["terms"]} */
export function terms(walk, layer, [, map, row, column]) {
  /** @type {Position} */
  const position = [layer.input_layer, map, row, column];
  return [{ weight: 1, value: walk.value(position), name: "", position }];
}

/** @type {View<PlainLayer>["show"]} */
export function show(walk, layer, position, terms, open) {
  const [term] = terms;
  const line = element(
    "p",
    { class: "step" },
    "Unchanged: ",
    openButton(term, open, walk),
    ". Dropout sets a fraction of the values to zero, but only in training.",
  );
  return [line, resultLine("the same", walk.value(position))];
}
