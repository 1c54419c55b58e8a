/** Numbers as colours, and planes of numbers as images. The colours are defined in the style sheets. */

/** The opacity of the largest number over a picture, of 255. */
const OPAQUE = 215;

/**
 * "#rrggbb" or "rgb(...)" -> [r, g, b]
 * @param {string} colour
 * @returns {Colour}
 */
export function rgb(colour) {
  if (colour.startsWith("#")) {
    const channel = (/** @type {number} */ at) => parseInt(colour.slice(at, at + 2), 16);
    return [channel(1), channel(3), channel(5)];
  }
  const [red, green, blue] = (colour.match(/\d+/g) ?? []).map(Number);
  return [red, green, blue];
}

/**
 * The current colours of the style: light or dark.
 * @returns {Palette}
 */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const named = (name) => rgb(style.getPropertyValue(name).trim());
  return { above: named("--above"), zero: named("--zero"), below: named("--below") };
}

/**
 * The colour of a number among numbers up to `largest` on each side: [r, g, b].
 * @param {number} value
 * @param {number} largest
 * @param {Palette} palette
 * @returns {Colour}
 */
export function signedColour(value, largest, { above, zero, below }) {
  const fraction = Math.max(-1, Math.min(1, value / (largest || 1)));
  const end = fraction < 0 ? below : above;
  const strength = strengthOf(fraction);
  const mixed = (/** @type {number} */ channel) =>
    Math.round(zero[channel] + strength * (end[channel] - zero[channel]));
  return [mixed(0), mixed(1), mixed(2)];
}

/**
 * How strong a colour is; small numbers are raised, so that they can be seen. The legends in the
 * style sheets have the same scale.
 * @param {number} fraction of the largest number
 */
function strengthOf(fraction) {
  return Math.abs(fraction) ** 0.6;
}

/**
 * Background colour and readable text colour of a cell.
 * @param {number} value
 * @param {number} largest
 * @param {Palette} colours
 */
export function cellStyle(value, largest, colours) {
  const [red, green, blue] = signedColour(value, largest, colours);
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
  const fraction = channel / 255;
  return fraction <= 0.04045 ? fraction / 12.92 : ((fraction + 0.055) / 1.055) ** 2.4;
}

/**
 * 511 colours, from the most negative to the most positive number, as pixels of an image; and the
 * same over a picture, the more transparent the smaller the number.
 * @param {Palette} colours
 * @returns {PixelTables}
 */
function colourTables(colours) {
  const [bytes, over] = [new Uint8ClampedArray(4 * 511), new Uint8ClampedArray(4 * 511)];
  for (let i = 0; i < 511; i++) {
    const fraction = (i - 255) / 255;
    bytes.set([...signedColour(fraction, 1, colours), 255], 4 * i);
    const opacity = Math.round(OPAQUE * strengthOf(fraction));
    over.set([...(i < 255 ? colours.below : colours.above), opacity], 4 * i);
  }
  return { opaque: new Uint32Array(bytes.buffer), over: new Uint32Array(over.buffer) };
}

/**
 * Paint a plane (rows x columns of a flat array, from `start`) on a canvas, one pixel per cell.
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
 * 511 colours from one to another, as pixels of an image.
 * @param {Colour} from
 * @param {Colour} to
 */
export function mixed(from, to) {
  const bytes = new Uint8ClampedArray(4 * 511);
  for (let i = 0; i < 511; i++) {
    const channels = from.map((one, channel) => one + (i / 510) * (to[channel] - one));
    bytes.set([...channels, 255], 4 * i);
  }
  return new Uint32Array(bytes.buffer);
}

/**
 * The largest absolute value; 0 if there are no numbers.
 * @param {Iterable<number>} values
 */
export function largestOf(values) {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  return largest;
}

/** @type {Set<() => void>} */
const painters = new Set();
/** @type {?PixelTables} */
let tables = null; // until the page is assembled

/**
 * Call a function once the colours are known, and again when they change. Returns a function that
 * ends this.
 * @param {(tables: PixelTables) => void} paint
 */
export function whenColoured(paint) {
  const painter = () => {
    if (tables) paint(tables);
  };
  painters.add(painter);
  painter();
  return () => {
    painters.delete(painter);
  };
}

/**
 * Paint a plane on a canvas once the colours are known, and again when they change.
 * @param {HTMLCanvasElement} canvas
 * @param {Plane} plane
 * @param {keyof PixelTables} [table]
 */
export function keepPainted(canvas, plane, table = "opaque") {
  whenColoured((known) => paintPlane(canvas, plane, known[table]));
}

export function repaint() {
  tables = colourTables(palette());
  for (const paint of painters) paint();
}
