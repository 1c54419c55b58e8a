/** A sound of the microphone to ask about; it is not saved. */

import { closeMicrophone, openMicrophone, recording } from "app/gather/microphone.js";
import { update } from "app/store.js";
import { words as gatherWords } from "app/words/gather.js";
import { tryWords as words } from "app/words/try.js";
import { element } from "piecewise/text.js";

/** @param {(file: File) => unknown} done gets what was recorded */
export function recordButton(done) {
  const button = element("button", { type: "button", text: words.record });
  /** @type {import("app/gather/microphone.js").Microphone | null} */
  let microphone = null;
  /** @type {Float32Array[]} */
  let chunks = [];
  const begin = async () => {
    chunks = [];
    try {
      microphone = await openMicrophone((samples) => chunks.push(samples));
      button.textContent = words.endRecording;
      button.setAttribute("aria-pressed", "true");
    } catch (error) {
      const name = error instanceof Error ? error.name : "";
      update({ problem: gatherWords.noDevice("microphone", name) });
    }
  };
  const end = () => {
    if (!microphone) return;
    const file = recording(chunks, microphone.context.sampleRate);
    closeMicrophone(microphone);
    microphone = null;
    button.textContent = words.record;
    button.removeAttribute("aria-pressed");
    if (file) done(file);
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    await (microphone ? end() : begin());
    button.disabled = false;
  });
  return button;
}
