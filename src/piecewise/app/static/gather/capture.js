/** The panel of a device that records: what it sees or hears, and the classes to hold. */

import { Recorder } from "app/gather/recorder.js";
import { targets } from "app/gather/targets.js";
import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

/**
 * @typedef {object} Device
 * @property {"camera" | "microphone"} name for the message that there is none
 * @property {string} asks said while the browser asks for permission
 * @property {string} hold said while nothing is recorded
 * @property {HTMLElement} view what it sees or hears
 * @property {HTMLElement} [taken] what has been recorded
 * @property {() => Promise<void>} open
 * @property {() => void} close
 * @property {() => boolean} isOpen
 * @property {() => void} begin a recording
 * @property {() => Promise<File[]> | File[]} end a recording: its files
 */

/** @param {Device} device */
export function capturePanel(device) {
  const message = element("p", { class: "note", role: "status" });
  const recorder = new Recorder({
    begin: device.begin,
    end: device.end,
    changed: (isRecording) => {
      panel.classList.toggle("recording", isRecording);
      message.textContent = isRecording ? words.recording : device.hold;
    },
  });
  const classes = targets({
    hold: (folder) => recorder.start(folder),
    release: () => recorder.stop(),
  });
  const side = element("div", { class: "capture-side" }, message, classes, device.taken);
  const panel = element("div", { class: "capture", hidden: true }, device.view, side);
  recorder.listen(() => device.isOpen() && panel.offsetParent !== null);
  const open = async () => {
    panel.hidden = false;
    message.textContent = device.asks;
    try {
      await device.open();
      if (panel.hidden) device.close(); // it was closed while the browser asked for permission
      message.textContent = device.hold;
    } catch (error) {
      message.textContent = words.noDevice(device.name, error instanceof Error ? error.name : "");
    }
  };
  const close = () => {
    recorder.stop();
    device.close();
    panel.hidden = true;
  };
  return { panel, recorder, open, close, toggle: () => device.isOpen() && recorder.toggle() };
}
