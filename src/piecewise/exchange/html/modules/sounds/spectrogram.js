/** The power of a sound in mel bands, with the additions of piecewise in the same order. */

import { bytesOf } from "../net/net.js";
import { sineCosine } from "./portable_math.js";

const TURN = 6.283185307179586;

/**
 * The powers (steps, bands), the lowest band first.
 * @param {Float32Array} samples
 * @param {SoundSettings} settings
 * @returns {Float64Array[]}
 */
export function bandPowers(samples, settings) {
  const { window: size, hop, first } = settings;
  const filters = new Float64Array(bytesOf(settings.filters).buffer);
  const widest = filters.length / first.length;
  const hann = Float64Array.from({ length: size }, (_, i) => {
    return 0.5 - 0.5 * sineCosine(i * (TURN / size))[1];
  });
  const transform = createTransform(size);
  const padded = new Float64Array(samples.length + size);
  padded.set(samples, size / 2);
  const powers = [];
  for (let start = 0; start <= samples.length; start += hop) {
    const power = transform(hann.map((weight, i) => padded[start + i] * weight));
    powers.push(
      Float64Array.from(first, (bin, band) => {
        let sum = 0;
        for (let k = 0; k < widest; k++) {
          sum += power[Math.min(bin + k, size / 2)] * filters[band * widest + k];
        }
        return sum;
      }),
    );
  }
  return powers;
}

/**
 * The function that gives the power of each frequency of a frame, 0 to size / 2.
 * @param {number} size a power of two
 * @returns {(frame: Float64Array) => Float64Array}
 */
function createTransform(size) {
  const half = size / 2;
  const factors = new Map(
    [...Array(Math.log2(size)).keys()].map((n) => [size >> n, twiddleFactors(size >> n)]),
  );
  const { sine, cosine } = /** @type {Twiddles} */ (factors.get(size));
  return (frame) => {
    const even = frame.filter((_, i) => i % 2 === 0);
    const odd = frame.filter((_, i) => i % 2 === 1);
    const [real, imaginary] = fourier(even, odd, factors);
    const power = new Float64Array(half + 1);
    for (let k = 0; k <= half; k++) {
      const [a, b] = [k % half, (half - k) % half];
      const evenReal = 0.5 * (real[a] + real[b]);
      const evenImaginary = 0.5 * (imaginary[a] - imaginary[b]);
      const oddReal = 0.5 * (imaginary[a] + imaginary[b]);
      const oddImaginary = 0.5 * (real[b] - real[a]);
      const [s, c] = k < half ? [sine[k], cosine[k]] : [0, -1];
      const re = evenReal + (oddReal * c + oddImaginary * s);
      const im = evenImaginary + (oddImaginary * c - oddReal * s);
      power[k] = re * re + im * im;
    }
    return power;
  };
}

/** @typedef {{ sine: Float64Array, cosine: Float64Array }} Twiddles */

/**
 * @param {number} size
 * @returns {Twiddles}
 */
function twiddleFactors(size) {
  const pairs = Array.from({ length: size / 2 }, (_, i) => sineCosine(i * (TURN / size)));
  return {
    sine: Float64Array.from(pairs, (pair) => pair[0]),
    cosine: Float64Array.from(pairs, (pair) => pair[1]),
  };
}

/**
 * Stockham's radix-2 algorithm: the Fourier transform of complex numbers.
 * @param {Float64Array} real
 * @param {Float64Array} imaginary
 * @param {Map<number, Twiddles>} factors
 */
function fourier(real, imaginary, factors) {
  for (let size = real.length, width = 1; size > 1; width *= 2) {
    const { sine, cosine } = /** @type {Twiddles} */ (factors.get(size));
    size /= 2;
    const nextReal = new Float64Array(real.length);
    const nextImaginary = new Float64Array(real.length);
    for (let k = 0; k < size; k++) {
      for (let w = 0; w < width; w++) {
        const [upper, lower] = [k * width + w, (k + size) * width + w];
        const to = 2 * k * width + w;
        const re = real[upper] - real[lower];
        const im = imaginary[upper] - imaginary[lower];
        nextReal[to] = real[upper] + real[lower];
        nextImaginary[to] = imaginary[upper] + imaginary[lower];
        nextReal[to + width] = re * cosine[k] + im * sine[k];
        nextImaginary[to + width] = im * cosine[k] - re * sine[k];
      }
    }
    [real, imaginary] = [nextReal, nextImaginary];
  }
  return [real, imaginary];
}
