/** Drawings: ink on a plain background, which is dark or light. All take grey images. */

const FLAT = 48; // grey levels by which a drawing's background may vary
const NEAR_BLACK = 80;
const NEAR_WHITE = 175;
const ALIKE = 24; // grey levels by which the border of a picture may vary
const UNIFORM = 0.75; // the part of a border that has about one colour
const LEAST_CONTRAST = 40; // grey levels between background and ink

/**
 * How plain the background is: 1 or more for a drawing.
 * @param {Pixels} grey
 */
export function plainness(grey) {
  const level = backgroundLevel(grey);
  if (level > NEAR_BLACK && level < NEAR_WHITE) return 0;
  /** @param {Uint8Array} values */
  const near = (values) => {
    let count = 0;
    for (const value of values) if (Math.abs(value - level) <= FLAT) count++;
    return count / values.length;
  };
  return Math.min(near(border(grey)) / 0.75, near(grey.data) / 0.5);
}

/**
 * The median level of the border.
 * @param {Pixels} grey
 */
export function backgroundLevel(grey) {
  const levels = border(grey).sort();
  const middle = levels.length / 2; // the border has an even number of pixels
  return Math.floor((levels[middle - 1] + levels[middle]) / 2);
}

/**
 * The outermost pixels; those of the corners twice.
 * @param {Pixels} grey
 */
function border({ width, height, data }) {
  const levels = new Uint8Array(2 * (width + height));
  levels.set(data.subarray(0, width));
  levels.set(data.subarray((height - 1) * width), width);
  for (let row = 0; row < height; row++) {
    levels[2 * width + row] = data[row * width];
    levels[2 * width + height + row] = data[(row + 1) * width - 1];
  }
  return levels;
}

/**
 * The greatest difference of a pixel from the background.
 * @param {Pixels} grey
 */
export function contrastOf(grey) {
  const level = backgroundLevel(grey);
  let contrast = 0;
  for (const value of grey.data) contrast = Math.max(contrast, Math.abs(value - level));
  return contrast;
}

/** @param {Pixels} grey */
export function hasLightBackground(grey) {
  return backgroundLevel(grey) > 127;
}

/**
 * The bounding box of light ink: left, top, right, bottom; null if there is no ink.
 * @param {Pixels} ink
 * @returns {[number, number, number, number] | null}
 */
export function inkBox(ink) {
  const background = backgroundLevel(ink);
  let strongest = 0;
  for (const value of ink.data) strongest = Math.max(strongest, value);
  if (strongest - background < LEAST_CONTRAST) return null;
  const least = background + (strongest - background) / 3;
  let [left, top, right, bottom] = [ink.width, ink.height, 0, 0];
  for (let row = 0; row < ink.height; row++) {
    for (let column = 0; column < ink.width; column++) {
      if (ink.data[row * ink.width + column] <= least) continue;
      [left, right] = [Math.min(left, column), Math.max(right, column + 1)];
      [top, bottom] = [Math.min(top, row), Math.max(bottom, row + 1)];
    }
  }
  return [left, top, right, bottom];
}

/**
 * Stretch the contrast of light ink: the background becomes 0, the lightest tenth of the ink 255.
 * @param {Uint8Array} ink
 * @param {number} paper the level of the background
 */
export function stretchContrast(ink, paper) {
  const strength = ink.map((value) => Math.max(value - paper, 0));
  let strongest = 0;
  for (const value of strength) strongest = Math.max(strongest, value);
  const strong = strength.filter((value) => value > Math.floor(strongest / 3)).sort();
  const full = strong.length ? strong[Math.floor((9 * (strong.length - 1)) / 10)] : 1;
  return strength.map((value) => Math.min(Math.floor((value * 255) / Math.max(1, full)), 255));
}

/**
 * The colour of the border of a picture; null if less than three quarters of the border have about
 * this colour.
 * @param {Pixels} image
 * @returns {number[] | null}
 */
export function borderColour({ width, height, channels, data }) {
  /** @type {number[]} */
  const cells = [];
  for (let x = 0; x < width; x++) cells.push(x, (height - 1) * width + x);
  for (let y = 0; y < height; y++) cells.push(y * width, (y + 1) * width - 1);
  const colour = Array.from({ length: channels }, (_, channel) => {
    const levels = cells.map((cell) => data[cell * channels + channel]).sort((a, b) => a - b);
    const half = levels.length / 2;
    return Math.floor((levels[Math.ceil(half) - 1] + levels[Math.floor(half)]) / 2);
  });
  const near = cells.filter((cell) =>
    colour.every((level, channel) => Math.abs(data[cell * channels + channel] - level) <= ALIKE),
  );
  return near.length / cells.length >= UNIFORM ? colour : null;
}
