/** Resizing as Pillow's BILINEAR does it, bit for bit, and framing. */

import { roundHalfEven } from "../net/rounding.js";

/** Pillow computes with weights of 22 bits after the point. */
const PRECISION = 22;

/** @typedef {[left: number, top: number, right: number, bottom: number]} Box */

/**
 * @param {Pixels} image
 * @param {number} width
 * @param {number} height
 * @param {Box} [box] the part to resize, which may begin and end inside a pixel
 * @returns {Pixels}
 */
export function resize(image, width, height, box = [0, 0, image.width, image.height]) {
  const isSame = image.width === width && image.height === height;
  if (isSame && box.join() === [0, 0, width, height].join()) return image;
  /** @type {((made: Pixels) => Pixels)[]} */
  const passes = [];
  if (width !== image.width || box[0] || box[2] !== width) {
    const across = weightsOf(image.width, box[0], box[2], width);
    passes.push((made) => resizeRows(made, across));
  }
  if (height !== image.height || box[1] || box[3] !== height) {
    const down = weightsOf(image.height, box[1], box[3], height);
    passes.push((made) => transposed(resizeRows(transposed(made), down)));
  }
  // Bytes are rounded after each pass, so their order matters. This is the order of Pillow 13.
  if (image.height - height > 2 * Math.max(0, image.width - width)) passes.reverse();
  return passes.reduce((made, pass) => pass(made), image);
}

/** @typedef {{ starts: number[], weights: Int32Array[] }} Weights */

/**
 * The weights of the pixels that make up each new pixel, along one axis.
 * @param {number} size
 * @param {number} start
 * @param {number} end
 * @param {number} count
 * @returns {Weights}
 */
function weightsOf(size, start, end, count) {
  const scale = Math.fround(end - start) / count;
  const support = Math.max(scale, 1);
  const inverse = 1 / support;
  /** @type {Weights} */
  const made = { starts: [], weights: [] };
  for (let i = 0; i < count; i++) {
    const centre = start + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const after = Math.min(size, Math.trunc(centre + support + 0.5));
    const raw = new Float64Array(Math.max(0, after - first));
    let total = 0;
    for (let k = 0; k < raw.length; k++) {
      const distance = Math.abs((k + first - centre + 0.5) * inverse);
      raw[k] = distance < 1 ? 1 - distance : 0;
      total += raw[k];
    }
    const whole = raw.map((one) => Math.trunc(0.5 + (total ? one / total : one) * 2 ** PRECISION));
    made.starts.push(first);
    made.weights.push(Int32Array.from(whole));
  }
  return made;
}

/**
 * @param {Pixels} image
 * @param {Weights} weights
 * @returns {Pixels}
 */
function resizeRows({ width, height, channels, data }, { starts, weights }) {
  const wide = starts.length;
  const made = new Uint8Array(wide * height * channels);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < wide; column++) {
      const kernel = weights[column];
      const from = (row * width + starts[column]) * channels;
      for (let c = 0; c < channels; c++) {
        let sum = 1 << (PRECISION - 1);
        for (let k = 0; k < kernel.length; k++) sum += data[from + k * channels + c] * kernel[k];
        const level = Math.floor(sum / 2 ** PRECISION);
        made[(row * wide + column) * channels + c] = Math.min(255, level);
      }
    }
  }
  return { width: wide, height, channels, data: made };
}

/**
 * @param {Pixels} image
 * @returns {Pixels}
 */
function transposed({ width, height, channels, data }) {
  const made = new Uint8Array(data.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (let c = 0; c < channels; c++) {
        made[(column * height + row) * channels + c] = data[(row * width + column) * channels + c];
      }
    }
  }
  return { width: height, height: width, channels, data: made };
}

/**
 * Resize and centre an image in a frame with a margin, keeping its aspect ratio.
 * @param {Pixels} image
 * @param {number} width
 * @param {number} height
 * @param {number} margin
 * @param {number | number[]} background a level, or one for each channel
 * @returns {Pixels}
 */
export function framed(image, width, height, margin, background) {
  const room = 1 - 2 * margin;
  const factor = Math.min((width * room) / image.width, (height * room) / image.height);
  const wide = Math.max(1, roundHalfEven(image.width * factor));
  const high = Math.max(1, roundHalfEven(image.height * factor));
  const inner = resize(image, wide, high);
  const { channels } = image;
  const data = new Uint8Array(width * height * channels);
  const colour = typeof background === "number" ? [background] : background;
  for (let i = 0; i < data.length; i++) data[i] = colour[(i % channels) % colour.length];
  const left = Math.floor((width - wide) / 2);
  const top = Math.floor((height - high) / 2);
  for (let row = 0; row < high; row++) {
    const line = inner.data.subarray(row * wide * channels, (row + 1) * wide * channels);
    data.set(line, ((top + row) * width + left) * channels);
  }
  return { width, height, channels, data };
}

/**
 * Resize a picture with another aspect ratio: with a border, without its edges, or stretched.
 * @param {Pixels} image
 * @param {number} width
 * @param {number} height
 * @param {"pad" | "crop" | "stretch"} how
 * @param {number | number[]} background a level, or one for each channel
 */
export function resized(image, width, height, how, background) {
  if (how === "pad") return framed(image, width, height, 0, background);
  if (how === "stretch") return resize(image, width, height);
  const wide = Math.min(image.width, (image.height * width) / height);
  const high = Math.min(image.height, (image.width * height) / width);
  const [left, top] = [(image.width - wide) / 2, (image.height - high) / 2];
  /** @type {Box} */
  const box = [
    Math.fround(left),
    Math.fround(top),
    Math.fround(left + wide),
    Math.fround(top + high),
  ];
  return resize(image, width, height, box);
}

/**
 * @param {Pixels} image
 * @param {Box} box
 * @returns {Pixels}
 */
export function cropped({ width, channels, data }, [left, top, right, bottom]) {
  const wide = right - left;
  const made = new Uint8Array(wide * (bottom - top) * channels);
  for (let row = top; row < bottom; row++) {
    const from = (row * width + left) * channels;
    made.set(data.subarray(from, from + wide * channels), (row - top) * wide * channels);
  }
  return { width: wide, height: bottom - top, channels, data: made };
}
