/** A small drawing as a picture, where many are shown side by side. */

import { svgElement } from "piecewise/text.js";

/**
 * @param {Pixels} pixels rows of 1 for ink and 0 for background
 * @param {string} name
 */
export function tinyPicture(pixels, name) {
  const ink = pixels.flatMap((cells, row) =>
    cells.flatMap((one, column) => (one ? [`M${column} ${row}h1v1h-1z`] : [])),
  );
  return svgElement(
    "svg",
    {
      class: "tiny",
      viewBox: `0 0 ${pixels[0].length} ${pixels.length}`,
      role: "img",
      "aria-label": name,
    },
    svgElement("path", { d: ink.join("") }),
  );
}
