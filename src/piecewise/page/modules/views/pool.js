/** Pooling: one number for each window. */

import { element } from "piecewise/text.js";
import { resultLine, smallGrid } from "piecewise/views/terms.js";

/**
 * The window's values, row by row.
 * @type {View<PoolLayer>["terms"]}
 */
export function terms(walk, layer, [, map, row, column]) {
  const [top, height] = layer.rows[row];
  const [left, width] = layer.columns[column];
  /** @type {Term[]} */
  const result = [];
  for (let y = top; y < top + height; y++) {
    for (let x = left; x < left + width; x++) {
      /** @type {Position} */
      const position = [layer.input_layer, map, y, x];
      result.push({ weight: 1, value: walk.value(position), name: "", position });
    }
  }
  return result;
}

/** @type {View<PoolLayer>["show"]} */
export function show(walk, layer, position, terms, open) {
  const width = layer.columns[position[3]][1];
  const winner =
    layer.kind === "max" ? terms.findIndex((term) => term.value === walk.value(position)) : -1;
  /** @type {GridCell[][]} */
  const cells = [];
  terms.forEach((term, i) => {
    if (i % width === 0) cells.push([]);
    cells[cells.length - 1].push({
      value: term.value,
      position: term.position,
      marked: i === winner,
    });
  });
  const words =
    layer.kind === "max"
      ? "The largest value of the window is kept (marked)."
      : `The mean of the ${terms.length} values of the window.`;
  const end = layer.kind === "max" ? "the largest" : "their mean";
  return [
    element("p", { class: "step", text: words }),
    element("div", { class: "grids" }, smallGrid("window", cells, open, walk)),
    resultLine(end, walk.value(position)),
  ];
}
