/** Channels to one, and samples to 16 bits. */

import { roundHalfEven } from "../net/rounding.js";

const STEPS = 32_768; // of 16-bit samples, from 0 to 1

/**
 * The nearest 16-bit sample, from -1 to 1.
 * @param {number} sample
 */
export function to16Bits(sample) {
  return roundHalfEven(Math.min(Math.max(sample, -1), 1) * STEPS) / STEPS;
}

/**
 * The mean of the channels, or the loudest channel if they cancel each other.
 * @param {Float32Array[]} tracks
 */
export function mixed(tracks) {
  if (tracks.length === 1) return tracks[0];
  const mean = tracks[0].map((_, i) => {
    const total = tracks.reduce((sum, track) => sum + track[i], 0);
    return to16Bits(Math.fround(total / tracks.length));
  });
  const energies = tracks.map(energy);
  const total = energies.reduce((sum, one) => sum + one);
  const cancels = 100 * energy(mean) * tracks.length ** 2 < total;
  return cancels ? tracks[energies.indexOf(Math.max(...energies))] : mean;
}

/** @param {Float32Array} samples */
function energy(samples) {
  return samples.reduce((sum, sample) => sum + (sample * STEPS) ** 2, 0);
}
