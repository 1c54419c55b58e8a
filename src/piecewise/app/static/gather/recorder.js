/**
 * A recorder: hold a class, Space, or press R to start and stop. What is recorded in one go is saved,
 * and undone, as one change.
 */

import { importFiles } from "app/gather/files.js";
import { state } from "app/store.js";

const LONGEST = 25_000; // milliseconds of one recording

export class Recorder {
  /**
   * @param {{ begin: () => void, end: () => Promise<File[]> | File[],
   *   changed: (isRecording: boolean) => void }} device
   */
  constructor(device) {
    this.device = device;
    this.folder = "";
    this.isRecording = false;
    this.timer = 0;
  }

  /** @param {string} [folder] the class; that of the recording before if it is left out */
  start(folder) {
    const known = state.project?.classes.map((one) => one.folder) ?? [];
    const target = folder ?? (known.includes(this.folder) ? this.folder : known[0]);
    if (this.isRecording || target === undefined) return;
    this.folder = target;
    this.isRecording = true;
    this.device.begin();
    this.device.changed(true);
    this.timer = window.setTimeout(() => this.stop(), LONGEST);
  }

  async stop() {
    if (!this.isRecording) return;
    this.isRecording = false;
    clearTimeout(this.timer);
    this.device.changed(false);
    const files = await this.device.end();
    if (files.length)
      await importFiles(
        files.map((file) => ({ path: file.name, file })),
        this.folder,
      );
  }

  toggle() {
    if (this.isRecording) this.stop();
    else this.start();
  }

  /**
   * Listen to Space, which is held, and to R, while `isOpen`.
   * @param {() => boolean} isOpen
   */
  listen(isOpen) {
    const used = "button, input, select, textarea, summary, a, [role=group]";
    addEventListener("keydown", (event) => {
      if (!isOpen() || event.key !== " " || event.repeat) return;
      if (event.target instanceof Element && event.target.closest(used)) return;
      event.preventDefault();
      this.start();
    });
    addEventListener("keyup", (event) => {
      if (event.key === " ") this.stop();
    });
    addEventListener("blur", () => this.stop());
  }
}
