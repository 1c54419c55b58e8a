/** The map behind a row of the votes. */

import { planeButton } from "piecewise/grid.js";
import { largestOf } from "piecewise/paint.js";
import { element, number } from "piecewise/text.js";

/**
 * A map of the voting layer and its votes. If it is one number, the map that was pooled to it.
 * @param {Walk} walk
 * @param {number} map
 * @param {Float32Array} votes of all values
 * @param {Open} open
 * @param {HTMLElement} status
 */
export function mapDetails(walk, map, votes, open, status) {
  const { layer, located } = walk.data.votes;
  /**
   * @param {string} name
   * @param {Float32Array} values
   * @param {string} title
   */
  const figure = (name, values, title) => {
    const [, rows, columns] = walk.layer(name).shape;
    const start = map * rows * columns;
    const largest = largestOf(values.subarray(start, start + rows * columns));
    const button = planeButton(
      { values, start, rows, columns, largest },
      {
        name: (row, column) => `${title} of ${walk.describe([name, map, row, column])}`,
        onMove: (words) => (status.textContent = words),
        open: (row, column) => open([name, map, row, column]),
      },
      columns > 4 * rows ? 320 : 176,
    );
    const caption = `${title} of ${name}, ${walk.mapName(name, map)}; up to ${number(largest, 3)}`;
    return element("figure", {}, button, element("figcaption", { text: caption }));
  };
  const shown = located ?? layer;
  const values = walk.activation(shown)?.values;
  return [
    ...(values ? [figure(shown, values, "values")] : []),
    ...(shown === layer ? [figure(layer, votes, "votes")] : []),
  ];
}
