/** The microphone: what is recorded becomes a WAV file of 16 bits. */

import { Recorder } from "app/gather/recorder.js";
import { targets } from "app/gather/targets.js";
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
  await context.audioWorklet.addModule(import.meta.resolve("app/gather/sound_tap.js"));
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
  const message = element("p", { class: "note", role: "status" });
  /** @type {Microphone | null} */
  let device = null;
  /** @type {Float32Array[]} */
  let chunks = [];
  const recorder = new Recorder({
    begin: () => {
      chunks = [];
    },
    end: () => {
      const file = recording(chunks, device?.context.sampleRate ?? 48_000);
      return file ? [file] : [];
    },
    changed: (isRecording) => {
      panel.classList.toggle("recording", isRecording);
      message.textContent = isRecording ? words.recording : words.holdMicrophone;
    },
  });
  const panel = element(
    "div",
    { class: "capture", hidden: true },
    level,
    element(
      "div",
      { class: "capture-side" },
      message,
      targets({
        hold: (folder) => recorder.start(folder),
        release: () => recorder.stop(),
      }),
    ),
  );
  recorder.listen(() => device !== null && panel.offsetParent !== null);
  /** @param {Float32Array} samples */
  const heard = (samples) => {
    let loudest = 0;
    for (const value of samples) loudest = Math.max(loudest, Math.abs(value));
    level.value = loudest;
    if (recorder.isRecording) chunks.push(samples);
  };
  const open = async () => {
    panel.hidden = false;
    message.textContent = words.asksMicrophone;
    try {
      device = await openMicrophone(heard);
      message.textContent = words.holdMicrophone;
    } catch (error) {
      message.textContent = words.noDevice("microphone", error instanceof Error ? error.name : "");
    }
  };
  const close = () => {
    recorder.stop();
    if (device) closeMicrophone(device);
    device = null;
    panel.hidden = true;
  };
  return { panel, open, close, toggle: () => device && recorder.toggle() };
}
