/** ReLU: everything negative becomes zero. */

import { element } from "piecewise/text.js";
import { ending, opens } from "piecewise/views/terms.js";

/**
 * Zero, and the value: the larger one stays.
 * @type {View<PlainLayer>["terms"]}
 */
export function terms(walk, layer, [, map, row, column]) {
  /** @type {Position} */
  const place = [layer.before, map, row, column];
  return [
    { weight: 0, value: 1, name: "zero", place: null },
    { weight: 1, value: walk.value(place), name: "", place },
  ];
}

/** @type {View<PlainLayer>["show"]} */
export function show(walk, layer, place, found, open) {
  const [, term] = found;
  const line = element(
    "p",
    { class: "step" },
    "The larger of 0 and ",
    opens(term, open, layer.input),
    term.value > 0 ? ": it is above zero, and stays." : ": it is not above zero, and becomes zero.",
  );
  return [line, ending("the larger", walk.value(place))];
}
