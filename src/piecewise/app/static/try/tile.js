/** A sample as a button: its picture, its loudness over time, or the beginning of its text. */

import { ask } from "app/ask.js";
import { loadThumbnails, showThumbnail } from "app/atlas.js";
import { state } from "app/store.js";
import { tryWords as words } from "app/words/try.js";
import { element } from "piecewise/text.js";

const MOST = 200; // samples of one request
/** The beginnings of texts by the ids of samples. @type {Map<string, string>} */
const texts = new Map();
/** Buttons that wait for what they show. @type {Map<HTMLElement, string>} */
const waiting = new Map();
let isAsking = false;

/**
 * @param {string} id
 * @param {number} side
 * @param {(id: string, button: HTMLElement) => void} act
 */
export function tile(id, side, act) {
  const label = words.lookAt(id.split("/")[2]);
  const button = element("button", {
    type: "button",
    class: "thumb tile",
    "aria-label": label,
    title: id,
    onclick: () => act(id, button),
  });
  button.style.setProperty("--tile", `${side}px`);
  waiting.set(button, id);
  if (!isAsking) setTimeout(fill);
  isAsking = true;
  return button;
}

/** Show what all new buttons wait for, with one request. */
async function fill() {
  isAsking = false;
  const now = [...waiting];
  waiting.clear();
  const ids = [...new Set(now.map(([, id]) => id))];
  try {
    if (state.project?.kind === "texts") await loadTexts(ids);
    else await loadThumbnails(ids);
  } catch {
    return; // a sample is gone; the list is asked for again soon
  }
  for (const [button, id] of now) {
    if (state.project?.kind !== "texts") showThumbnail(button, id);
    else {
      button.classList.add("text-tile");
      button.textContent = texts.get(id) ?? "";
      button.removeAttribute("aria-label");
    }
  }
}

/** @param {string[]} ids */
export async function loadTexts(ids) {
  const missing = ids.filter((id) => !texts.has(id));
  for (let start = 0; start < missing.length; start += MOST) {
    const some = missing.slice(start, start + MOST);
    const answer = await ask("POST", "/api/texts", { ids: some });
    some.forEach((id, i) => texts.set(id, answer.texts[i]));
  }
}
