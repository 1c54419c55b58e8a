/** A zip of samples, or a net, from files of this computer. */

import { takeFiles } from "app/gather/files.js";
import { NET_SUFFIXES } from "app/net_files.js";
import { takeWords as words } from "app/words/take.js";
import { element } from "piecewise/text.js";

/** A button that opens files, as if they were dropped: the bar of imports says what came of it. */
export function importButton() {
  const input = element("input", {
    type: "file",
    accept: [".zip", ...NET_SUFFIXES].join(","),
    multiple: true,
    hidden: true,
    "aria-label": words.open,
  });
  const button = element("button", {
    type: "button",
    class: "act",
    text: words.open,
    onclick: () => input.click(),
  });
  input.addEventListener("change", async () => {
    const files = [...(input.files ?? [])].map((file) => ({ path: file.name, file }));
    input.value = "";
    button.disabled = true;
    await takeFiles(files);
    button.disabled = false;
  });
  return element("div", { class: "import" }, input, button);
}
