/** Dropout: while a net answers, everything is let through. */

import { element } from "piecewise/text.js";
import { ending, opens } from "piecewise/views/terms.js";

export function terms(walk, layer, [, ...at]) {
  const place = [layer.before, ...at];
  return [{ weight: 1, value: walk.value(place), name: "", place }];
}

export function show(walk, layer, place, open) {
  const [term] = terms(walk, layer, place);
  const line = element(
    "p",
    { class: "step" },
    "Let through as it is: ",
    opens(term.place, term.value, open, layer.input),
    ". Only while learning does a share of the values sit out.",
  );
  return [line, ending("the same", walk.value(place))];
}
