/**
 * The layers: each function computes the output (channels, rows, columns) of one input.
 *
 * Sums are rounded to float32 after each product, in the order of piecewise, so that the answers have
 * the same bits as a rule: a product and a sum of float64 that are then rounded are a fused
 * multiply-add of float32 in nearly all cases.
 */

const { fround } = Math;

/**
 * Convolution. Four features at two positions are computed at once: each number that is read takes
 * part in several products.
 * @param {LayerData} layer
 * @param {Float32Array} x
 * @param {Kernels} kernels
 */
export function convolution(layer, x, kernels) {
  const { packed, bias } = kernels;
  const { padded, offsets, bases } = patches(layer, x);
  const features = layer.output[0];
  const count = bases.length;
  const taps = offsets.length;
  const divisor = layer.divisor ?? 1;
  const y = new Float32Array(features * count);
  for (let f = 0; f < features; f += 4) {
    for (let p = 0; p < count; p += 2) {
      const second = Math.min(p + 1, count - 1);
      const from = bases[p];
      const from2 = bases[second];
      let [a0, a1, a2, a3] = [bias[f], bias[f + 1], bias[f + 2], bias[f + 3]];
      let [b0, b1, b2, b3] = [a0, a1, a2, a3];
      for (let t = 0, w = f * taps; t < taps; t++, w += 4) {
        const a = padded[from + offsets[t]];
        const b = padded[from2 + offsets[t]];
        const w0 = packed[w];
        const w1 = packed[w + 1];
        const w2 = packed[w + 2];
        const w3 = packed[w + 3];
        a0 = fround(w0 * a + a0);
        a1 = fround(w1 * a + a1);
        a2 = fround(w2 * a + a2);
        a3 = fround(w3 * a + a3);
        b0 = fround(w0 * b + b0);
        b1 = fround(w1 * b + b1);
        b2 = fround(w2 * b + b2);
        b3 = fround(w3 * b + b3);
      }
      const sums = [a0, a1, a2, a3, b0, b1, b2, b3];
      for (let i = 0; i < 4 && f + i < features; i++) {
        y[(f + i) * count + p] = sums[i] / divisor;
        y[(f + i) * count + second] = second === p ? sums[i] / divisor : sums[4 + i] / divisor;
      }
    }
  }
  return y;
}

/**
 * @typedef {{ packed: Float64Array, bias: Float64Array }} Kernels
 * The weights of four features beside each other, and the biases; both filled up with zeros.
 */

/**
 * @param {LayerData} layer
 * @param {Float32Array} weight (features, channels, rows, columns)
 * @param {Float32Array | null} bias
 * @returns {Kernels}
 */
export function packKernels(layer, weight, bias) {
  const features = layer.output[0];
  const taps = weight.length / features;
  const rounded = Math.ceil(features / 4) * 4;
  const packed = new Float64Array(rounded * taps);
  for (let f = 0; f < features; f++) {
    const start = (f - (f % 4)) * taps + (f % 4);
    for (let t = 0; t < taps; t++) packed[start + 4 * t] = weight[f * taps + t];
  }
  const biases = new Float64Array(rounded);
  if (bias) biases.set(bias);
  return { packed, bias: biases };
}

/**
 * The input with zeros around it, the place of each number of a patch, and where patches begin.
 * @param {LayerData} layer
 * @param {Float32Array} x
 */
function patches(layer, x) {
  const [channels, height, width] = layer.input;
  const [rows, columns] = axes(layer);
  const across = Math.max(width + columns.before, extent(columns));
  const down = Math.max(height + rows.before, extent(rows));
  const padded = new Float64Array(channels * down * across);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < height; i++) {
      const from = (c * height + i) * width;
      const to = (c * down + i + rows.before) * across + columns.before;
      for (let j = 0; j < width; j++) padded[to + j] = x[from + j];
    }
  }
  const offsets = new Int32Array(channels * rows.window * columns.window);
  let t = 0;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < rows.window; i++) {
      for (let j = 0; j < columns.window; j++) offsets[t++] = (c * down + i) * across + j;
    }
  }
  const bases = new Int32Array(rows.count * columns.count);
  for (let i = 0; i < rows.count; i++) {
    for (let j = 0; j < columns.count; j++) {
      bases[i * columns.count + j] = i * rows.stride * across + j * columns.stride;
    }
  }
  return { padded, offsets, bases };
}

/** @param {Windows} axis */
function extent(axis) {
  return (axis.count - 1) * axis.stride + axis.window;
}

/**
 * @param {LayerData} layer
 * @returns {[Windows, Windows]}
 */
function axes(layer) {
  return [/** @type {Windows} */ (layer.rows), /** @type {Windows} */ (layer.columns)];
}

/**
 * Pooling of the cells that exist: without those past the edge, and past the end of a text.
 * @param {LayerData} layer
 * @param {Float32Array} x
 * @param {number} length of the text, or the number of columns
 */
export function pool(layer, x, length) {
  const [channels, height, width] = layer.input;
  const [rows, columns] = axes(layer);
  const y = new Float32Array(channels * rows.count * columns.count);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < rows.count; i++) {
      const top = Math.max(0, i * rows.stride - rows.before);
      const bottom = Math.min(height, i * rows.stride - rows.before + rows.window);
      for (let j = 0; j < columns.count; j++) {
        const left = Math.max(0, j * columns.stride - columns.before);
        const right = Math.min(length, j * columns.stride - columns.before + columns.window);
        let sum = 0;
        let largest = -Infinity;
        for (let row = c * height + top; row < c * height + bottom; row++) {
          for (let k = row * width + left; k < row * width + right; k++) {
            sum = fround(sum + x[k]);
            if (x[k] > largest) largest = x[k];
          }
        }
        const cells = (bottom - top) * Math.max(1, right - left);
        y[at++] = layer.kind === "max" ? largest : sum / cells;
      }
    }
  }
  return y;
}

/**
 * The fully connected layer.
 * @param {Float32Array} x
 * @param {Float32Array} weight (neurons, inputs)
 * @param {Float32Array} bias
 */
export function full(x, weight, bias) {
  const y = new Float32Array(bias.length);
  const inputs = x.length;
  for (let n = 0; n < bias.length; n += 4) {
    // Four neurons at once; the last ones are computed more than once.
    const rows = [0, 1, 2, 3].map((k) => Math.min(n + k, bias.length - 1));
    const [r0, r1, r2, r3] = rows.map((row) => row * inputs);
    let [a, b, c, d] = rows.map((row) => bias[row]);
    for (let i = 0; i < inputs; i++) {
      const value = x[i];
      a = fround(weight[r0 + i] * value + a);
      b = fround(weight[r1 + i] * value + b);
      c = fround(weight[r2 + i] * value + c);
      d = fround(weight[r3 + i] * value + d);
    }
    rows.forEach((row, k) => (y[row] = [a, b, c, d][k]));
  }
  return y;
}

/**
 * Batch normalization with the statistics of the training.
 * @param {LayerData} layer
 * @param {Float32Array} x
 * @param {Record<string, Float32Array>} arrays
 */
export function norm(layer, x, arrays) {
  const { weight, bias, mean, variance } = arrays;
  const [channels, height, width] = layer.input;
  const y = new Float32Array(x.length);
  for (let c = 0, at = 0; c < channels; c++) {
    const scale = fround(1 / fround(Math.sqrt(fround(variance[c] + (layer.epsilon ?? 0)))));
    for (const end = at + height * width; at < end; at++) {
      y[at] = fround(fround(x[at] - mean[c]) * scale) * weight[c] + bias[c];
    }
  }
  return y;
}

/** @param {Float32Array} x */
export function relu(x) {
  return x.map((value) => (value > 0 ? value : 0));
}

/**
 * The vector of each token; zeros for padding.
 * @param {LayerData} layer
 * @param {ArrayLike<number>} tokens
 * @param {Float32Array} weight (tokens, channels)
 */
export function embed(layer, tokens, weight) {
  const [channels, , positions] = layer.output;
  const y = new Float32Array(channels * positions);
  for (let p = 0; p < positions; p++) {
    if (tokens[p] === 0) continue;
    for (let c = 0; c < channels; c++) y[c * positions + p] = weight[tokens[p] * channels + c];
  }
  return y;
}
