/** Files: from a button, dropped on the page, or pasted. */

import { byId, element, percent, readable } from "./elements.js";
import { bestOf, nameOf, showAnswer, showProblem, threshold } from "./answer.js";
import { showPreview } from "./preview.js";

const MAX_FILES = 1_000;

/** @typedef {{ noun: string, accept: string }} Kind */

/** @type {Record<string, Kind>} */
const KINDS = {
  pictures: { noun: "picture", accept: "image/*" },
  sounds: { noun: "sound", accept: "audio/*,.wav,.flac,.ogg,.mp3,.aiff" },
  texts: { noun: "text file", accept: ".txt,text/plain" },
};

/** The button, and the whole page as a place to drop files on. */
export function createFileInput() {
  const { noun, accept } = KINDS[piecewise.data.settings.modality];
  const input = element("input", {
    type: "file",
    multiple: true,
    accept,
    hidden: true,
    onclick: () => (input.value = ""), // so that the same file can be chosen again
    onchange: () => classifyFiles([...(input.files ?? [])]),
  });
  const zone = element(
    "div",
    { class: "zone" },
    element("button", { type: "button", text: `Choose ${noun}s`, onclick: () => input.click() }),
    element("span", { class: "quiet", text: `or drop them on this page` }),
    input,
  );
  acceptDrops(zone);
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) classifyFiles(files);
  });
  return zone;
}

/** @param {HTMLElement} zone */
function acceptDrops(zone) {
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  document.addEventListener("dragleave", () => zone.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    classifyFiles([...(event.dataTransfer?.files ?? [])]);
  });
}

/** @typedef {{ name: string, answer: Answer | null, problem: string }} Row */

/**
 * Classify files one after another; the last one is shown, and a table if there are several.
 * @param {File[]} files
 */
export async function classifyFiles(files) {
  /** @type {Row[]} */
  const rows = [];
  document.documentElement.dataset.busy = "";
  for (const file of files.slice(0, MAX_FILES)) {
    try {
      const example = await piecewise.decode(new Uint8Array(await file.arrayBuffer()));
      const answer = piecewise.classify(example);
      rows.push({ name: file.name, answer, problem: "" });
      showPreview(file);
      showAnswer(answer, typeof example === "string" ? example : "");
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      rows.push({ name: file.name, answer: null, problem });
      showPreview(null);
      showProblem(`${readable(file.name)}: ${problem}`);
    }
  }
  byId("files").replaceChildren(...(rows.length > 1 ? [fileTable(rows)] : []));
  delete document.documentElement.dataset.busy;
}

/** @param {Row[]} rows */
function fileTable(rows) {
  const head = ["File", "Class", "Probability"].map((text) =>
    element("th", { scope: "col", class: text === "Probability" ? "number" : null, text }),
  );
  const least = threshold();
  const body = rows.map(({ name, answer, problem }) => {
    const best = answer ? bestOf(answer.probabilities) : 0;
    const probability = answer?.probabilities[best] ?? 0;
    const label = probability >= least ? nameOf(best) : "don\u2019t know";
    return element(
      "tr",
      {},
      element("th", { scope: "row", dir: "auto", text: readable(name) }),
      element("td", { dir: "auto", text: answer ? label : problem }),
      element("td", { class: "number", text: answer ? percent(probability) : "" }),
    );
  });
  return element(
    "table",
    { class: "file-table" },
    element("caption", { text: `${rows.length} files` }),
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body),
  );
}
