/** Pooling: one number of each window. */

import { element } from "piecewise/text.js";
import { ending, smallGrid } from "piecewise/views/terms.js";

/**
 * The window's values, row by row.
 * @type {View<PoolLayer>["terms"]}
 */
export function terms(walk, layer, [, map, row, column]) {
  const [top, high] = layer.rows[row];
  const [left, wide] = layer.columns[column];
  /** @type {Term[]} */
  const found = [];
  for (let y = top; y < top + high; y++) {
    for (let x = left; x < left + wide; x++) {
      /** @type {Position} */
      const place = [layer.before, map, y, x];
      found.push({ weight: 1, value: walk.value(place), name: "", place });
    }
  }
  return found;
}

/** @type {View<PoolLayer>["show"]} */
export function show(walk, layer, place, found, open) {
  const wide = layer.columns[place[3]][1];
  const winner =
    layer.kind === "max" ? found.findIndex((term) => term.value === walk.value(place)) : -1;
  /** @type {GridCell[][]} */
  const cells = [];
  found.forEach((term, i) => {
    if (i % wide === 0) cells.push([]);
    cells[cells.length - 1].push({ value: term.value, place: term.place, marked: i === winner });
  });
  const words =
    layer.kind === "max"
      ? "From the window, the largest value is kept (marked)."
      : `The ${found.length} values of the window are added up and divided by their number.`;
  const end = layer.kind === "max" ? "the largest" : "their mean";
  return [
    element("p", { class: "step", text: words }),
    element("div", { class: "grids" }, smallGrid("window", cells, open, walk)),
    ending(end, walk.value(place)),
  ];
}
