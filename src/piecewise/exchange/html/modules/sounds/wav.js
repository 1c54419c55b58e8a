/** WAV files to mono samples, exactly; other formats by the decoder of the browser. */

import { roundHalfEven } from "../net/rounding.js";
import { mixed, to16Bits } from "./mixing.js";

const MAX_SECONDS = 600;
const [PCM, FLOAT, A_LAW, MU_LAW, EXTENDED] = [1, 3, 6, 7, 0xfffe];

/** @typedef {{ coding: number, channels: number, rate: number, block: number, bits: number }} Format */

/**
 * @param {Uint8Array} bytes of a sound file
 * @param {number} rate of the net, for files that the browser decodes
 * @returns {Promise<Sound>}
 */
export async function decodeSound(bytes, rate) {
  const sound = decodeWav(bytes) ?? (await decodeByBrowser(bytes, rate));
  if (!sound.samples.length) throw new Error("it contains no samples");
  if (sound.samples.length > MAX_SECONDS * sound.rate) {
    throw new Error(`it is longer than ${MAX_SECONDS} seconds; cut it into pieces first`);
  }
  return sound;
}

/**
 * The sound of a plain WAV file; null if it is of another kind.
 * @param {Uint8Array} bytes
 * @returns {Sound | null}
 */
function decodeWav(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** @param {number} at */
  const name = (at) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || name(0) !== "RIFF" || name(8) !== "WAVE") return null;
  /** @type {Format | null} */
  let format = null;
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    if (name(at) === "fmt " && size >= 16) format = readFormat(view, start, size);
    if (name(at) === "data" && format) {
      const isStreamed =
        (size === 0 && view.getUint32(4, true) + 8 !== bytes.length) || size >= 0x7fff0000;
      const left = bytes.length - start;
      if (!isStreamed && size > left) throw new Error("it is truncated");
      return samplesOf(view, format, start, isStreamed ? left : size);
    }
    at = start + size + (size % 2);
  }
  throw new Error("it is truncated");
}

/**
 * @param {DataView} view
 * @param {number} start
 * @param {number} size
 * @returns {Format}
 */
function readFormat(view, start, size) {
  /** @param {number} offset */
  const short = (offset) => view.getUint16(start + offset, true);
  const coding = short(0) === EXTENDED && size >= 40 ? short(24) : short(0);
  const rate = view.getUint32(start + 4, true);
  return { coding, channels: short(2), rate, block: short(12), bits: short(14) };
}

/**
 * @param {DataView} view
 * @param {Format} format
 * @param {number} start
 * @param {number} size
 * @returns {Sound | null}
 */
function samplesOf(view, format, start, size) {
  const { channels, rate, bits } = format;
  const read = reader(view, format);
  if (!read || !channels) return null;
  const width = bits / 8;
  const frames = Math.floor(size / (width * channels));
  const tracks = Array.from({ length: channels }, () => new Float32Array(frames));
  let peak = 1;
  for (let i = 0, at = start; i < frames; i++) {
    for (let c = 0; c < channels; c++, at += width) {
      const value = Math.fround(read(at));
      if (!Number.isFinite(value)) throw new Error("it has a sample that is no finite number");
      tracks[c][i] = value;
      if (format.coding === FLOAT) peak = Math.max(peak, Math.abs(value));
    }
  }
  const rounded = tracks.map((track) => track.map((value) => to16Bits(Math.fround(value / peak))));
  return { samples: mixed(rounded), rate };
}

/**
 * The function that reads the sample at a place, from -1 to 1; null for other codecs.
 * @param {DataView} view
 * @param {Format} format
 * @returns {((at: number) => number) | null}
 */
function reader(view, { coding, bits }) {
  switch (coding * 100 + bits) {
    case PCM * 100 + 8:
      return (at) => (view.getUint8(at) - 128) / 128;
    case PCM * 100 + 16:
      return (at) => view.getInt16(at, true) / 32_768;
    case PCM * 100 + 24:
      return (at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 8_388_608;
    case PCM * 100 + 32:
      return (at) => Math.fround(view.getInt32(at, true)) / 2_147_483_648;
    case FLOAT * 100 + 32:
      return (at) => view.getFloat32(at, true);
    case FLOAT * 100 + 64:
      return (at) => view.getFloat64(at, true);
    case MU_LAW * 100 + 8:
      return (at) => muLaw(~view.getUint8(at) & 255) / 32_768;
    case A_LAW * 100 + 8:
      return (at) => aLaw(view.getUint8(at) ^ 0x55) / 32_768;
    default:
      return null;
  }
}

/** @param {number} code */
function muLaw(code) {
  const size = (((code & 15) << 3) + 132) << ((code >> 4) & 7);
  return code & 128 ? 132 - size : size - 132;
}

/** @param {number} code */
function aLaw(code) {
  const shift = (code >> 4) & 7;
  const size = ((code & 15) << 4) + (shift ? 264 : 8);
  return (code & 128 ? 1 : -1) * (shift > 1 ? size << (shift - 1) : size);
}

/**
 * @param {Uint8Array} bytes
 * @param {number} rate
 * @returns {Promise<Sound>}
 */
async function decodeByBrowser(bytes, rate) {
  if (typeof OfflineAudioContext === "undefined") throw new Error("only WAV files can be read");
  const context = new OfflineAudioContext(1, 1, rate);
  const copy = /** @type {ArrayBuffer} */ (bytes.slice().buffer);
  const buffer = await context.decodeAudioData(copy).catch(() => {
    throw new Error("this browser cannot read it as a sound; save it as a WAV file");
  });
  const tracks = Array.from({ length: buffer.numberOfChannels }, (_, c) =>
    buffer.getChannelData(c).map((value) => to16Bits(value)),
  );
  const note =
    "The browser decoded this sound, which is not a plain WAV file, so the answer may differ a " +
    "little from that of piecewise.";
  return { samples: mixed(tracks), rate: roundHalfEven(buffer.sampleRate), note };
}
