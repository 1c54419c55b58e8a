/** Pictures of 16 bits, and transparent ones, to pixels of 8 bits. */

import { roundHalfEven } from "../net/rounding.js";

/** The colour behind transparent areas, in the order of preference. */
const BACKDROPS = { white: 255, black: 0, grey: 128 };
const DEPTHS = [8, 10, 12, 14, 16, 20, 24, 28, 32];
const OVER = 1.02; // noise may exceed the white of a depth a little
const VISIBLE = 40; // levels by which a pixel differs from its backdrop

/**
 * @param {Picture} picture
 * @param {ImageSettings} settings
 * @returns {Pixels}
 */
export function toPixels(picture, settings) {
  const { width, height, channels } = picture;
  const isTransparent = channels % 2 === 0;
  if (picture.data instanceof Uint8Array && !isTransparent) {
    return { width, height, channels, data: picture.data };
  }
  const isDeep = picture.data instanceof Uint16Array;
  const colours = isTransparent ? channels - 1 : channels;
  const level = BACKDROPS[settings.backdrop ?? backdropOf(picture)];
  const byteOf = isDeep ? deepBytes(picture, settings.level_range) : null;
  const most = isDeep ? 1 : 255;
  const data = new Uint8Array(width * height * colours);
  for (let i = 0; i < width * height; i++) {
    const share = isTransparent ? picture.data[i * channels + colours] : most;
    for (let c = 0; c < colours; c++) {
      const own = picture.data[i * channels + c];
      const mixed = (byteOf ? byteOf(own) : own) * share + level * (most - share);
      data[i * colours + c] = Math.floor((mixed + (most >> 1)) / most);
    }
  }
  return { width, height, channels: colours, data };
}

/**
 * The function that scales a level to a byte.
 * @param {Picture} picture
 * @param {[number, number] | null} range
 * @returns {(level: number) => number}
 */
function deepBytes(picture, range) {
  const [black, white] = range ?? [0, whiteOf(picture)];
  return (level) => {
    const inside = Math.min(Math.max(level, black), white);
    return roundHalfEven(((inside - black) * 255) / (white - black));
  };
}

/**
 * The largest number of the fewest bits that hold the levels.
 * @param {Picture} picture
 */
function whiteOf({ data, channels }) {
  let high = 0;
  for (let i = 0; i < data.length; i += channels % 2 ? 1 : channels) high = Math.max(high, data[i]);
  const whites = DEPTHS.map((depth) => 2 ** depth - 1);
  return whites.find((white) => high <= OVER * white) ?? high;
}

/**
 * The first backdrop on which a transparent picture can be seen.
 * @param {Picture} picture
 * @returns {"white" | "black" | "grey"}
 */
function backdropOf({ data, channels }) {
  if (data instanceof Uint16Array) return "white";
  const names = /** @type {("white" | "black" | "grey")[]} */ (Object.keys(BACKDROPS));
  let total = 0;
  const shown = [0, 0, 0];
  for (let i = 0; i < data.length; i += channels) {
    const opacity = data[i + channels - 1];
    total += opacity;
    names.forEach((name, index) => {
      let apart = 0;
      for (let c = 0; c < channels - 1; c++) {
        apart = Math.max(apart, Math.abs(data[i + c] - BACKDROPS[name]));
      }
      if (apart >= VISIBLE) shown[index] += opacity;
    });
  }
  const most = Math.max(...shown);
  return names[shown.findIndex((one) => 4 * one >= total || one === most)];
}
