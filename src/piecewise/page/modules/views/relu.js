/** ReLU: negative values become zero. */

import { element } from "piecewise/text.js";
import { openButton, resultLine } from "piecewise/views/terms.js";

/**
 * Zero and the value; the result is the larger one.
 * @type {View<PlainLayer>["terms"]}
 */
export function terms(walk, layer, [, map, row, column]) {
  /** @type {Position} */
  const position = [layer.input_layer, map, row, column];
  return [
    { weight: 0, value: 1, name: "zero", position: null },
    { weight: 1, value: walk.value(position), name: "", position },
  ];
}

/** @type {View<PlainLayer>["show"]} */
export function show(walk, layer, position, terms, open) {
  const [, term] = terms;
  const line = element(
    "p",
    { class: "step" },
    "The larger of 0 and ",
    openButton(term, open, walk),
    term.value > 0
      ? ". It is above zero, so it stays."
      : ". It is not above zero, so the result is zero.",
  );
  return [line, resultLine("the larger", walk.value(position))];
}
