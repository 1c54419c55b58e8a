/** Examples of a data set: small images, cut out of one large image, or texts. */

import { element } from "piecewise/text.js";

/** @type {?HTMLImageElement} */
let sheet = null; // the large image

/**
 * Decode the large image, if there is one. This must be done before any example is shown.
 * @param {EvaluateData} data
 */
export async function loadSheet(data) {
  if (!data.sheet) return;
  sheet = new Image();
  sheet.src = data.sheet.image;
  await sheet.decode();
}

/**
 * An example by its number: its image, its text, or only its name.
 * @param {ExampleData} data
 * @param {ExampleKey} index
 * @param {number} [side]
 */
export function exampleOf(data, index, side = 56) {
  if (data.show) return data.show(index, side);
  const name = data.names[index] ?? `example ${index}`;
  const cell = data.sheet?.cells[Number(index)];
  if (!data.sheet || !sheet || !cell)
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
    ?.drawImage(sheet, cell[1] * width, cell[0] * height, width, height, 0, 0, width, height);
  Object.assign(cut.style, { width: `${width * scale}px`, height: `${height * scale}px` });
  return cut;
}
