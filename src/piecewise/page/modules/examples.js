/** Examples of a data set as small pictures, cut out of one large one, or as words. */

import { element } from "piecewise/text.js";

/** @type {?HTMLImageElement} */
let sheet = null; // the large picture

/**
 * Unpack the large picture, if there is one; before any example is shown.
 * @param {EvaluateData} data
 */
export async function unpackSheet(data) {
  if (!data.sheet) return;
  sheet = new Image();
  sheet.src = data.sheet.picture;
  await sheet.decode();
}

/**
 * An example by its number: a picture, or its text, or its name alone.
 * @param {EvaluateData} data
 * @param {number} index
 * @param {number} [side]
 */
export function exampleOf(data, index, side = 56) {
  const name = data.names[index] ?? `example ${index}`;
  const place = data.sheet?.places[index];
  if (!data.sheet || !sheet || !place)
    return element("span", { class: "excerpt", text: data.texts?.[index] ?? name, title: name });
  const [height, width] = data.sheet.size;
  const scale = side / Math.max(height, width);
  const cut = element("canvas", {
    class: "cut",
    role: "img",
    "aria-label": name,
    title: name,
    width,
    height,
  });
  cut
    .getContext("2d")
    ?.drawImage(sheet, place[1] * width, place[0] * height, width, height, 0, 0, width, height);
  Object.assign(cut.style, { width: `${width * scale}px`, height: `${height * scale}px` });
  return cut;
}
