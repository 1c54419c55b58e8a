/** The net: its parameters and its layers, from the data in the file. */

import { convolution, embed, full, norm, packKernels, pool, relu } from "./layers.js";

/** @typedef {(x: Float32Array, length: number, tokens: ArrayLike<number>) => Float32Array} Step */

/**
 * @param {string} text base64 of little-endian numbers
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function bytesOf(text) {
  const piece = 1 << 20; // characters at a time: a multiple of 4
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let at = 0;
  for (let start = 0; start < text.length; start += piece) {
    const decoded = atob(text.slice(start, start + piece));
    for (let i = 0; i < decoded.length; i++) bytes[at++] = decoded.charCodeAt(i);
  }
  return bytes.slice(0, at);
}

/**
 * The function that computes the logits of one input: bytes, numbers that are scaled already, or
 * the tokens of a text.
 * @param {NetData} data
 * @param {string} parameters base64 of all parameters, float32
 * @returns {(input: Input | number[]) => number[]}
 */
export function createNet(data, parameters) {
  const flat = new Float32Array(bytesOf(parameters).buffer);
  const steps = data.layers.map((layer) => stepOf(layer, flat));
  const levels = levelsOf(data.scaling);
  return (input) => {
    checkInput(data, input);
    const tokens = data.reads_texts ? input : [];
    /** @type {Float32Array} */
    let x =
      input instanceof Uint8Array
        ? Float32Array.from(input, (byte) => levels[byte])
        : Float32Array.from(input);
    let length = data.reads_texts ? textLength(tokens) : data.input[2];
    data.layers.forEach((layer, index) => {
      x = steps[index](x, data.reads_texts ? length : layer.input[2], tokens);
      if (data.reads_texts) {
        length = layer.lengths ? layer.lengths[length] : length;
        clearPadding(x, layer.output[2], length);
      }
    });
    return Array.from(x);
  };
}

/**
 * @param {LayerData} layer
 * @param {Float32Array} flat
 * @returns {Step}
 */
function stepOf(layer, flat) {
  /** @type {Record<string, Float32Array>} */
  const arrays = {};
  const [channels, height, width] = layer.input;
  const outputs = layer.output[0];
  /** @type {Record<string, number>} */
  const sizes = {
    conv: outputs * channels * (layer.rows?.window ?? 1) * (layer.columns?.window ?? 1),
    full: outputs * channels * height * width,
    embed: outputs * height,
    norm: outputs,
  };
  for (const [name, start] of Object.entries(layer.arrays)) {
    const size = name === "weight" ? sizes[layer.word] : outputs;
    arrays[name] = flat.subarray(start, start + size);
  }
  switch (layer.word) {
    case "conv": {
      const kernels = packKernels(layer, arrays.weight, arrays.bias ?? null);
      return (x) => convolution(layer, x, kernels);
    }
    case "full":
      return (x) => full(x, arrays.weight, arrays.bias);
    case "norm":
      return (x) => norm(layer, x, arrays);
    case "embed":
      return (_x, _length, tokens) => embed(layer, tokens, arrays.weight);
    case "pool":
      return (x, length) => pool(layer, x, length);
    case "relu":
      return relu;
  }
}

/**
 * The number that each byte becomes: (a * byte + b) / c.
 * @param {[number, number, number]} scaling
 */
function levelsOf([a, b, c]) {
  return Float32Array.from({ length: 256 }, (_, byte) => (a * byte + b) / c);
}

/**
 * @param {NetData} data
 * @param {Input | number[]} input
 */
function checkInput(data, input) {
  const [channels, rows, columns] = data.input;
  const wanted = data.reads_texts ? columns : channels * rows * columns;
  if (input.length !== wanted) {
    throw new RangeError(`got an input of ${input.length} numbers, wanted ${wanted}`);
  }
  if (
    data.reads_texts &&
    !Array.from(input).every((one) => one >= 0 && one < rows && one % 1 === 0)
  ) {
    throw new RangeError(`got a token that is not a whole number from 0 to ${rows - 1}`);
  }
}

/**
 * The positions of a text, up to its last token that is not padding; 1 for an empty text.
 * @param {ArrayLike<number>} tokens
 */
function textLength(tokens) {
  let length = tokens.length;
  while (length > 1 && tokens[length - 1] === 0) length--;
  return length;
}

/**
 * Set the positions after the end of a text to zero.
 * @param {Float32Array} x
 * @param {number} width
 * @param {number} length
 */
function clearPadding(x, width, length) {
  for (let end = width; end <= x.length; end += width) x.fill(0, end - width + length, end);
}

/**
 * Softmax of logits at the calibrated temperature.
 * @param {ArrayLike<number>} logits
 * @param {number} temperature
 * @returns {number[]}
 */
export function softmax(logits, temperature) {
  const scaled = Array.from(logits, (logit) => Math.fround(logit / temperature));
  const largest = scaled.reduce((one, other) => Math.max(one, other));
  const powers = scaled.map((logit) => Math.exp(logit - largest));
  const total = powers.reduce((one, other) => one + other);
  return powers.map((power) => power / total);
}
