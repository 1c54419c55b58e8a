/** Numbers as colours, and planes of them as pictures. The colours are the style's own. */

/**
 * "#rrggbb" or "rgb(...)" -> [r, g, b]
 * @param {string} colour
 * @returns {Colour}
 */
function parts(colour) {
  if (colour.startsWith("#")) {
    const channel = (/** @type {number} */ at) => parseInt(colour.slice(at, at + 2), 16);
    return [channel(1), channel(3), channel(5)];
  }
  const [red, green, blue] = (colour.match(/\d+/g) ?? []).map(Number);
  return [red, green, blue];
}

/**
 * The style's colours as they are now: light or dark.
 * @returns {Palette}
 */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const named = (name) => parts(style.getPropertyValue(name).trim());
  return { above: named("--above"), zero: named("--zero"), below: named("--below") };
}

/**
 * The colour of a number among numbers up to `largest` on each side: [r, g, b].
 * @param {number} value
 * @param {number} largest
 * @param {Palette} palette
 * @returns {Colour}
 */
export function signed(value, largest, { above, zero, below }) {
  const share = Math.max(-1, Math.min(1, value / (largest || 1)));
  const full = share < 0 ? below : above;
  const part = Math.abs(share);
  const mixed = (/** @type {number} */ channel) =>
    Math.round(zero[channel] + part * (full[channel] - zero[channel]));
  return [mixed(0), mixed(1), mixed(2)];
}

/**
 * Colour and readable ink of a cell, as style.
 * @param {number} value
 * @param {number} largest
 * @param {Palette} colours
 */
export function cellStyle(value, largest, colours) {
  const [red, green, blue] = signed(value, largest, colours);
  const light = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const onWhite = 1.05 / (light + 0.05);
  const onBlack = (light + 0.05) / 0.05;
  return {
    background: `rgb(${red}, ${green}, ${blue})`,
    color: onWhite > onBlack ? "#fff" : "#000",
  };
}

/** @param {number} channel */
function linear(channel) {
  const share = channel / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

/**
 * 511 colours from the largest below zero to the largest above, as pixels of an image.
 * @param {Palette} colours
 */
function shades(colours) {
  const bytes = new Uint8ClampedArray(4 * 511);
  for (let i = 0; i < 511; i++) bytes.set([...signed(i - 255, 255, colours), 255], 4 * i);
  return new Uint32Array(bytes.buffer);
}

/**
 * Paint a plane (rows x columns of a flat array, from `start`) on a canvas, a pixel a cell.
 * @param {HTMLCanvasElement} canvas
 * @param {Plane} plane
 * @param {Uint32Array} pixels
 */
export function paintPlane(canvas, { values, start, rows, columns, largest }, pixels) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext("2d");
  if (!context) return;
  const image = context.createImageData(columns, rows);
  const cells = new Uint32Array(image.data.buffer);
  const scale = 255 / (largest || 1);
  for (let i = 0; i < cells.length; i++) {
    cells[i] = pixels[255 + Math.max(-255, Math.min(255, Math.round(values[start + i] * scale)))];
  }
  context.putImageData(image, 0, 0);
}

/**
 * The largest of numbers, whatever their signs; 0 of none.
 * @param {Iterable<number>} values
 */
export function largestOf(values) {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}

/** @type {Set<() => void>} */
const painters = new Set();
/** @type {?Uint32Array} */
let pixels = null; // until the page is there as a whole

/**
 * Paint on a canvas as soon as colours are known, and again whenever light becomes dark.
 * @param {HTMLCanvasElement} canvas
 * @param {Plane} plane
 */
export function keepPainted(canvas, plane) {
  const paint = () => {
    if (pixels) paintPlane(canvas, plane, pixels);
  };
  painters.add(paint);
  paint();
}

export function repaint() {
  pixels = shades(palette());
  for (const paint of painters) paint();
}
