/** The input as the net gets it: the numbers of its first layer as a picture. */

import { rgb, whenColoured } from "piecewise/paint.js";
import { element } from "piecewise/text.js";

/** A canvas, and what paints the input of a walk on it; hidden for texts. */
export function seenInput() {
  const canvas = element("canvas", { class: "seen", role: "img" });
  /** @type {Matrix | undefined} */
  let input;
  let isPhoto = false;
  const paint = () => input && paintInput(canvas, input, isPhoto);
  whenColoured(paint);
  /** @param {Walk} walk */
  const show = (walk) => {
    const matrix = walk.activation("input");
    const isText = walk.data.kind === "texts" || matrix?.shape.length !== 3;
    canvas.hidden = isText;
    input = isText ? undefined : matrix;
    isPhoto = walk.data.kind === "photos";
    paint();
  };
  return { canvas, show };
}

/**
 * Photos are painted from black to white, in colour if there are three maps; all else is ink on
 * paper. Numbers are from -1 to 1.
 * @param {HTMLCanvasElement} canvas
 * @param {Matrix} input
 * @param {boolean} isPhoto
 */
function paintInput(canvas, { shape, values }, isPhoto) {
  const [maps, rows, columns] = shape;
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  if (!context) return;
  const image = context.createImageData(columns, rows);
  const style = getComputedStyle(document.documentElement);
  const ends = ["--paper", "--ink"].map((name) => rgb(style.getPropertyValue(name).trim()));
  const size = rows * columns;
  for (let i = 0; i < size; i++) {
    for (let channel = 0; channel < 3; channel++) {
      const share = (values[maps === 3 ? channel * size + i : i] + 1) / 2;
      const [low, high] = isPhoto ? [0, 255] : [ends[0][channel], ends[1][channel]];
      image.data[4 * i + channel] = low + share * (high - low);
    }
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
