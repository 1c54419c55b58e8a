/** Recording with a microphone. */

import { showAnswer, showProblem } from "./answer.js";
import { element } from "./elements.js";
import { showPreview } from "./preview.js";

const MOST = 20; // seconds of one recording

/** A button that starts a recording and stops it; a sentence where the browser has no microphone. */
export function createRecorder() {
  if (!navigator.mediaDevices?.getUserMedia || typeof MediaRecorder === "undefined") {
    return element("p", { class: "quiet", text: "This browser gives no page a microphone." });
  }
  /** @type {MediaRecorder | null} */
  let recorder = null;
  const button = element("button", { type: "button", text: "Record", onclick: toggle });
  const state = element("span", { class: "quiet", "aria-live": "polite" });

  async function toggle() {
    if (recorder) {
      recorder.stop();
      return;
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      recorder = new MediaRecorder(stream);
      record(recorder, stream);
      button.textContent = "Stop";
      state.textContent = " recording";
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      showProblem(`There is no microphone for this page: ${reason}`);
    }
  }

  /** @param {MediaRecorder} running @param {MediaStream} stream */
  function record(running, stream) {
    /** @type {Blob[]} */
    const pieces = [];
    const timer = setTimeout(() => running.stop(), 1_000 * MOST);
    running.addEventListener("dataavailable", (event) => pieces.push(event.data));
    running.addEventListener("stop", async () => {
      clearTimeout(timer);
      recorder = null;
      button.textContent = "Record";
      state.textContent = "";
      for (const track of stream.getTracks()) track.stop();
      const sound = new Blob(pieces, { type: running.mimeType });
      try {
        const bytes = new Uint8Array(await sound.arrayBuffer());
        const answer = piecewise.classify(await piecewise.decode(bytes));
        showPreview(sound);
        showAnswer(answer);
      } catch (error) {
        showProblem(`the recording: ${error instanceof Error ? error.message : error}`);
      }
    });
    running.start();
  }

  return element("div", { class: "controls" }, button, state);
}
