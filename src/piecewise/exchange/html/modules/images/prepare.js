/** Pictures as the net reads them: its size, grey or colour, and its background. */

import {
  backgroundLevel,
  borderColour,
  contrastOf,
  hasLightBackground,
  inkBox,
  plainness,
  stretchContrast,
} from "./background.js";
import { toPixels } from "./levels.js";
import { cropped, framed, resized } from "./resize.js";

/**
 * @param {Picture} picture
 * @param {ImageSettings} settings
 * @returns {Prepared}
 */
export function preparePicture(picture, settings) {
  const [channels, height, width] = settings.shape;
  if (channels !== 1 && channels !== 3) {
    throw new Error(`the net reads arrays of ${channels} channels, not pictures`);
  }
  const pixels = toPixels(picture, settings);
  const grey = inGrey(pixels);
  let image = channels === 1 ? grey : inColour(pixels);
  const isOther = image.width !== width || image.height !== height;
  if (isOther && settings.background !== "any" && plainness(grey) >= settings.least_plain) {
    image = redrawn(image, grey, settings);
  } else {
    const added = settings.padding === "border" ? (borderColour(image) ?? 0) : 0;
    if (isOther) image = resized(image, width, height, settings.resize, added);
    image = aligned(image, settings);
  }
  return { inputs: [planes(image)], warning: warningOf(grey, settings), notes: [] };
}

/**
 * Grey as Pillow computes it.
 * @param {Pixels} image
 * @returns {Pixels}
 */
function inGrey(image) {
  const { width, height, channels, data } = image;
  if (channels === 1) return image;
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i++) {
    const [red, green, blue] = [data[3 * i], data[3 * i + 1], data[3 * i + 2]];
    grey[i] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
  }
  return { width, height, channels: 1, data: grey };
}

/**
 * @param {Pixels} image
 * @returns {Pixels}
 */
function inColour(image) {
  const { width, height, channels, data } = image;
  if (channels === 3) return image;
  const colour = new Uint8Array(3 * data.length);
  for (let i = 0; i < colour.length; i++) colour[i] = data[Math.floor(i / 3)];
  return { width, height, channels: 3, data: colour };
}

/**
 * A drawing, resized and on the background of the net.
 * @param {Pixels} image
 * @param {Pixels} grey
 * @param {ImageSettings} settings
 * @returns {Pixels}
 */
function redrawn(image, grey, settings) {
  const [, height, width] = settings.shape;
  const isLight = hasLightBackground(grey);
  const paper = backgroundLevel(grey);
  const box = inkBox(isLight ? inverted(grey) : grey);
  const blank = new Uint8Array(width * height * image.channels);
  /** @type {Pixels} */
  let made = { ...image, width, height, data: blank };
  if (box) {
    made =
      settings.framing === "ink"
        ? framed(cropped(image, box), width, height, settings.margin, paper)
        : resized(image, width, height, settings.resize, paper);
    const ink = isLight ? inverted(made).data : made.data;
    made = { ...made, data: stretchContrast(ink, isLight ? 255 - paper : paper) };
  }
  return settings.background === "light" ? inverted(made) : made;
}

/**
 * A drawing of this size, inverted if it has the other background.
 * @param {Pixels} image
 * @param {ImageSettings} settings
 */
function aligned(image, settings) {
  if (settings.background === "any") return image;
  const data = image.data.filter((_, i) => i % image.channels === 0);
  const first = { ...image, channels: 1, data };
  const isOther = hasLightBackground(first) !== (settings.background === "light");
  return isOther && plainness(first) >= settings.least_plain ? inverted(image) : image;
}

/**
 * @param {Pixels} image
 * @returns {Pixels}
 */
function inverted(image) {
  return { ...image, data: image.data.map((value) => 255 - value) };
}

/**
 * The channels one after another.
 * @param {Pixels} image
 */
function planes({ width, height, channels, data }) {
  const size = width * height;
  return Uint8Array.from(data, (_, i) => data[(i % size) * channels + Math.floor(i / size)]);
}

/**
 * @param {Pixels} grey
 * @param {ImageSettings} settings
 */
function warningOf(grey, settings) {
  if (settings.background === "any") return null;
  if (contrastOf(grey) < settings.least_contrast) return "there is no ink in it";
  if (plainness(grey) < settings.least_plain) {
    return "it is not a drawing on a plain background, unlike the training images";
  }
  return null;
}
