/** The microphone: what is recorded becomes a WAV file of 16 bits. */

import { Recorder } from "app/gather/recorder.js";
import { targets } from "app/gather/targets.js";
import { wav } from "app/gather/wav.js";
import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

const LEAST = 0.1; // seconds; shorter recordings are slips

export function microphonePanel() {
  const level = element("meter", { min: 0, max: 1, "aria-label": words.level });
  const message = element("p", { class: "note", role: "status" });
  /** @type {{ stream: MediaStream, context: AudioContext } | null} */
  let device = null;
  /** @type {Float32Array[]} */
  let chunks = [];
  const recorder = new Recorder({
    begin: () => {
      chunks = [];
    },
    end: () => {
      const rate = device?.context.sampleRate ?? 48_000;
      const count = chunks.reduce((sum, one) => sum + one.length, 0);
      return count < LEAST * rate ? [] : [new File([wav(chunks, rate)], "microphone.wav")];
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
  /** @param {MessageEvent<Float32Array>} event */
  const heard = ({ data }) => {
    let loudest = 0;
    for (const value of data) loudest = Math.max(loudest, Math.abs(value));
    level.value = loudest;
    if (recorder.isRecording) chunks.push(data);
  };
  const open = async () => {
    panel.hidden = false;
    message.textContent = words.asksMicrophone;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const context = new AudioContext();
      await context.audioWorklet.addModule("/app/gather/sound_tap.js");
      const tap = new AudioWorkletNode(context, "sound-tap");
      tap.port.onmessage = heard;
      context.createMediaStreamSource(stream).connect(tap);
      device = { stream, context };
      message.textContent = words.holdMicrophone;
    } catch (error) {
      message.textContent = words.noDevice("microphone", error instanceof Error ? error.name : "");
    }
  };
  const close = () => {
    recorder.stop();
    for (const track of device?.stream.getTracks() ?? []) track.stop();
    device?.context.close();
    device = null;
    panel.hidden = true;
  };
  return { panel, open, close, toggle: () => device && recorder.toggle() };
}
