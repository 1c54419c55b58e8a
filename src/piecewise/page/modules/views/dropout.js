/** Dropout: while a net answers, everything is let through. */

import { element } from "piecewise/text.js";
import { ending, opens } from "piecewise/views/terms.js";

/** @type {View<PlainLayer>["terms"]} */
export function terms(walk, layer, [, map, row, column]) {
  /** @type {Position} */
  const place = [layer.before, map, row, column];
  return [{ weight: 1, value: walk.value(place), name: "", place }];
}

/** @type {View<PlainLayer>["show"]} */
export function show(walk, layer, place, found, open) {
  const [term] = found;
  const line = element(
    "p",
    { class: "step" },
    "Let through as it is: ",
    opens(term, open, layer.input),
    ". Only while learning does a share of the values sit out.",
  );
  return [line, ending("the same", walk.value(place))];
}
