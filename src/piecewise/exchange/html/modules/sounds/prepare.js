/** Sounds as the net reads them: spectrograms in decibels, one or several windows. */

import { roundHalfEven } from "../net/rounding.js";
import { log } from "./portable_math.js";
import { resample } from "./resample.js";
import { bandPowers } from "./spectrogram.js";

const PER_LN = 0.43429448190325176; // 1 / ln 10
const LONG = 1.5; // times the input's length; longer sounds are cut into windows
const FAINT = 0.1; // of the power of the loudest window; fainter windows are left out

/**
 * @param {Sound} sound
 * @param {SoundSettings} settings
 * @returns {Prepared}
 */
export function prepareSound(sound, settings) {
  const powers = bandPowers(resample(sound, settings.rate), settings);
  const totals = powers.map((bands) => bands.reduce((sum, power) => sum + power));
  const notes = sound.note ? [sound.note] : [];
  if (sound.rate !== settings.rate) {
    const [own, wanted] = [sound.rate, settings.rate].map((rate) => rate.toLocaleString("en"));
    notes.push(
      `The sound has ${own} samples a second and the net reads ${wanted}, so the answer may ` +
        "differ a little from that of piecewise.",
    );
  }
  const [start, end] = extentOf(totals, settings);
  if (start === end) {
    const silence = new Uint8Array(settings.shape[1] * settings.shape[2]);
    return { inputs: [silence], warning: "there is no sound in it", notes };
  }
  const frames = settings.shape[2];
  const [from, to] = strongest(totals, start, end, frames);
  const starts = windowStarts(totals, [start, end], from, settings);
  if (starts.length < 2) {
    const left = Math.floor((frames - (to - from)) / 2);
    return { inputs: [spectrogram(powers, from, to, left, settings)], warning: null, notes };
  }
  notes.push(`The answer is the mean of ${starts.length} windows of the sound.`);
  const inputs = starts.map((at) => spectrogram(powers, at, at + frames, 0, settings));
  return { inputs, warning: null, notes };
}

/**
 * The first step that is not silent, and the step after the last.
 * @param {number[]} totals
 * @param {SoundSettings} settings
 * @returns {[number, number]}
 */
function extentOf(totals, { quiet, silence }) {
  const loudest = totals.reduce((one, other) => Math.max(one, other));
  if (loudest < silence) return [0, 0];
  /** @param {number} total */
  const isLoud = (total) => total >= loudest * quiet;
  return [totals.findIndex(isLoud), totals.findLastIndex(isLoud) + 1];
}

/**
 * The range of `most` steps with the most power.
 * @param {number[]} totals
 * @param {number} start
 * @param {number} end
 * @param {number} most
 * @returns {[number, number]}
 */
function strongest(totals, start, end, most) {
  if (end - start <= most) return [start, end];
  const sums = sumsOf(totals.slice(start, end));
  let best = 0;
  for (let i = 1; i + most < sums.length; i++) {
    if (sums[i + most] - sums[i] > sums[best + most] - sums[best]) best = i;
  }
  return [start + best, start + best + most];
}

/**
 * 0, the first number, the sum of the first two, ...
 * @param {number[]} values
 */
function sumsOf(values) {
  const sums = [0];
  let sum = values[0];
  values.forEach((value, i) => {
    if (i) sum += value;
    sums.push(sum);
  });
  return sums;
}

/**
 * The first steps of the windows of a long sound, the loudest first.
 * @param {number[]} totals
 * @param {[number, number]} extent
 * @param {number} loudest
 * @param {SoundSettings} settings
 */
function windowStarts(totals, [start, end], loudest, settings) {
  const frames = settings.shape[2];
  if (end - start <= LONG * frames) return [];
  const sums = sumsOf(totals);
  /** @param {number} at */
  const loudness = (at) => sums[at + frames] - sums[at];
  /** @type {number[]} */
  const others = [];
  const first = loudest - Math.floor((loudest - start) / frames) * frames;
  for (let at = first; at < end - frames + 1; at += frames) {
    if (at !== loudest && loudness(at) >= FAINT * loudness(loudest)) others.push(at);
  }
  const most = settings.max_windows - 1;
  if (others.length <= most) return [loudest, ...others];
  const chosen = Array.from(
    { length: most },
    (_, i) => others[Math.floor((i * others.length) / most)],
  );
  return [loudest, ...chosen];
}

/**
 * The bytes of the steps from `start` to `end`, the highest band first.
 * @param {Float64Array[]} powers
 * @param {number} start
 * @param {number} end
 * @param {number} left the column of the first step
 * @param {SoundSettings} settings
 */
function spectrogram(powers, start, end, left, { shape, floor, least }) {
  const [, bands, frames] = shape;
  let loudest = 0;
  for (let step = start; step < end; step++) {
    for (const power of powers[step]) loudest = Math.max(loudest, power);
  }
  const bytes = new Uint8Array(bands * frames);
  for (let step = start; step < end; step++) {
    powers[step].forEach((power, band) => {
      const decibels = 10 * PER_LN * log(Math.max(power / loudest, least));
      const level = 255 - decibels * (255 / floor);
      bytes[(bands - 1 - band) * frames + left + step - start] = roundHalfEven(level);
    });
  }
  return bytes;
}
