/** A zip of samples, or a net, from a file of this computer. */

import { ask, part, Refused } from "app/ask.js";
import { isNet, NET_SUFFIXES } from "app/net_files.js";
import { state, update } from "app/store.js";
import { takeWords as words } from "app/words/take.js";
import { element } from "piecewise/text.js";

/** A button that opens a file, and what came of it. */
export function importButton() {
  const input = element("input", {
    type: "file",
    accept: [".zip", ...NET_SUFFIXES].join(","),
    hidden: true,
    "aria-label": words.open,
  });
  const report = element("div", { role: "status" });
  const button = element("button", {
    type: "button",
    class: "act",
    text: words.open,
    onclick: () => input.click(),
  });
  input.addEventListener("change", async () => {
    const file = input.files?.[0];
    if (!file) return;
    input.value = "";
    button.disabled = true;
    report.replaceChildren(element("p", { text: words.importing }));
    report.replaceChildren(...(await opened(file)));
    button.disabled = false;
  });
  return element("div", { class: "import" }, input, button, report);
}

/** @param {File} file */
async function opened(file) {
  const isOfNet = isNet(file.name);
  const path = isOfNet ? `/api/nets?name=${part(file.name)}` : "/api/import";
  try {
    const done = await ask("POST", path, file);
    if (state.problem) update({ problem: "" });
    return isOfNet ? [element("p", { text: words.opened(file.name) })] : imported(done);
  } catch (error) {
    if (!(error instanceof Refused)) return [];
    return [element("p", { class: "problem", text: error.message })];
  }
}

/** @param {{ classes: Record<string, number>, skipped: string[], skipped_count: number }} report */
function imported({ classes, skipped, skipped_count: left }) {
  const counts = Object.values(classes);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const text = element("p", { text: words.imported(total, counts.length) });
  if (!left) return [text];
  const list = element("ul", {}, ...skipped.map((one) => element("li", { text: one })));
  const summary = element("summary", { text: words.skipped(left) });
  return [text, element("details", { class: "refused" }, summary, list)];
}
