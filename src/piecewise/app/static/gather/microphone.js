/** The microphone: what is recorded becomes a WAV file of 16 bits. */

import { capturePanel } from "app/gather/capture.js";
import { wav } from "app/gather/wav.js";
import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

const LEAST = 0.1; // seconds; shorter recordings are slips

/** @typedef {{ stream: MediaStream, context: AudioContext }} Microphone */

/**
 * Open the microphone; an error if that is not allowed or there is none.
 * @param {(samples: Float32Array) => void} heard gets what it hears
 * @returns {Promise<Microphone>}
 */
export async function openMicrophone(heard) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const context = new AudioContext();
  try {
    await context.audioWorklet.addModule(import.meta.resolve("app/gather/sound_tap.js"));
  } catch (error) {
    closeMicrophone({ stream, context });
    throw error;
  }
  const tap = new AudioWorkletNode(context, "sound-tap");
  tap.port.onmessage = ({ data }) => heard(data);
  context.createMediaStreamSource(stream).connect(tap);
  return { stream, context };
}

/** @param {Microphone} microphone */
export function closeMicrophone({ stream, context }) {
  for (const track of stream.getTracks()) track.stop();
  context.close();
}

/**
 * A recording as a file; null if it is too short.
 * @param {Float32Array[]} chunks
 * @param {number} rate
 */
export function recording(chunks, rate) {
  const count = chunks.reduce((sum, one) => sum + one.length, 0);
  return count < LEAST * rate ? null : new File([wav(chunks, rate)], "microphone.wav");
}

export function microphonePanel() {
  const level = element("meter", { min: 0, max: 1, "aria-label": words.level });
  /** @type {Microphone | null} */
  let device = null;
  /** @type {Float32Array[]} */
  let chunks = [];
  /** @param {Float32Array} samples */
  const heard = (samples) => {
    let loudest = 0;
    for (const value of samples) loudest = Math.max(loudest, Math.abs(value));
    level.value = loudest;
    if (capture.recorder.isRecording) chunks.push(samples);
  };
  const capture = capturePanel({
    name: "microphone",
    asks: words.asksMicrophone,
    hold: words.holdMicrophone,
    view: level,
    open: async () => {
      device = await openMicrophone(heard);
    },
    close: () => {
      if (device) closeMicrophone(device);
      device = null;
    },
    isOpen: () => device !== null,
    begin: () => {
      chunks = [];
    },
    end: () => {
      const file = recording(chunks, device?.context.sampleRate ?? 48_000);
      return file ? [file] : [];
    },
  });
  return capture;
}
