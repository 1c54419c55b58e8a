/**
 * Resampling with a windowed sinc filter. piecewise uses the library soxr with the same pass band;
 * the samples differ by rounding.
 */

import { to16Bits } from "./mixing.js";

const PASS = 0.9136; // of the lower Nyquist frequency, which soxr's quality "VHQ" passes unchanged
const STOP = 1;
const BETA = 16.7; // Kaiser's window: 170 decibels
const HALF_ZEROS = 170 / (2.285 * Math.PI * (STOP - PASS) * 2); // half the length, in samples

/**
 * @param {Sound} sound
 * @param {number} rate
 */
export function resample(sound, rate) {
  const { samples } = sound;
  if (sound.rate === rate) return samples;
  const divisor = greatestDivisor(sound.rate, rate);
  const [into, from] = [rate / divisor, sound.rate / divisor];
  const scale = Math.min(1, into / from);
  const reach = HALF_ZEROS / scale;
  /** @type {Map<number, Float64Array>} */
  const filters = new Map();
  const made = new Float32Array(Math.round((samples.length * into) / from));
  for (let i = 0; i < made.length; i++) {
    const phase = (i * from) % into;
    const place = (i * from - phase) / into;
    let filter = filters.get(phase);
    if (!filter) {
      filter = filterOf(phase / into, scale, reach);
      if (filters.size < 1_000) filters.set(phase, filter);
    }
    const first = place - (filter.length / 2 - 1);
    const start = Math.max(0, -first);
    const end = Math.min(filter.length, samples.length - first);
    let sum = 0;
    for (let k = start; k < end; k++) sum += filter[k] * samples[first + k];
    made[i] = to16Bits(sum);
  }
  return made;
}

/** @param {number} a @param {number} b @returns {number} */
function greatestDivisor(a, b) {
  return b ? greatestDivisor(b, a % b) : a;
}

/**
 * The weights of the samples around a place that is `fraction` after one of them.
 * @param {number} fraction
 * @param {number} scale
 * @param {number} reach
 */
function filterOf(fraction, scale, reach) {
  const half = Math.ceil(reach);
  const cut = (scale * (PASS + STOP)) / 2;
  const filter = new Float64Array(2 * half);
  for (let k = 0; k < filter.length; k++) {
    const x = k - (half - 1) - fraction;
    const inside = 1 - (x / reach) ** 2;
    if (inside <= 0) continue;
    const angle = Math.PI * cut * x;
    const sinc = angle ? Math.sin(angle) / angle : 1;
    filter[k] = (cut * sinc * bessel(BETA * Math.sqrt(inside))) / bessel(BETA);
  }
  const total = filter.reduce((sum, one) => sum + one);
  return filter.map((one) => one / total);
}

/**
 * The modified Bessel function of order 0.
 * @param {number} x
 */
function bessel(x) {
  let [term, sum] = [1, 1];
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (x / (2 * n)) ** 2;
    sum += term;
  }
  return sum;
}
