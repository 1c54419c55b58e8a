/** Small planes of numbers that are painted again when the colours change. */

import { paintPlane, whenColoured } from "piecewise/paint.js";
import { element } from "piecewise/text.js";

/** @type {WeakMap<HTMLCanvasElement, Plane>} */
const planes = new WeakMap();

/**
 * A canvas of a plane, as it is now.
 * @param {Plane} plane
 * @param {string} [kind] its class
 */
export function showOnce(plane, kind = "tiny") {
  const canvas = element("canvas", { class: kind, "aria-hidden": "true" });
  // The numbers are copied, because those of a walk are replaced.
  const values = plane.values.slice(plane.start, plane.start + plane.rows * plane.columns);
  planes.set(canvas, { ...plane, values, start: 0 });
  whenColoured((tables) => paint(canvas, tables))();
  return canvas;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {PixelTables} tables
 */
function paint(canvas, tables) {
  const plane = planes.get(canvas);
  if (plane) paintPlane(canvas, plane, tables.opaque);
}

// One painter for all that are shown, so that those that are gone are forgotten.
whenColoured((tables) => {
  for (const canvas of document.querySelectorAll("canvas.tiny"))
    if (canvas instanceof HTMLCanvasElement) paint(canvas, tables);
});
