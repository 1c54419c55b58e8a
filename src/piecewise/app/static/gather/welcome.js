/** How a project without samples begins: draw, open files, or an example. */

import { takeFiles } from "app/gather/files.js";
import { change } from "app/samples.js";
import { state, update, watch } from "app/store.js";
import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

/** Buttons that choose files, and a folder. */
export function fileButtons() {
  return [
    chooser(words.files, { multiple: true }),
    chooser(words.folder, { webkitdirectory: true }),
  ];
}

/**
 * @param {string} text
 * @param {Record<string, boolean>} set
 */
function chooser(text, set) {
  const input = element("input", { type: "file", hidden: true, "aria-label": text, ...set });
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    input.value = "";
    takeFiles(files.map((file) => ({ path: file.webkitRelativePath || file.name, file })));
  });
  const button = element("button", { type: "button", text, onclick: () => input.click() });
  return element("span", { class: "chooser" }, button, input);
}

/** A link to the pad. @param {string} text */
export function drawLink(text) {
  const toDraw = () => update({ way: "pictures" });
  return element("a", { class: "button", href: "#/look", text, onclick: toDraw });
}

export function welcome() {
  const examples = words.examples.map(([name, title, text]) =>
    element(
      "button",
      {
        type: "button",
        class: "example",
        onclick: () => change("POST", "/api/examples", { name }),
      },
      element("b", { text: title }),
      element("span", { class: "sub", text }),
    ),
  );
  const box = element(
    "section",
    { class: "welcome", "aria-label": words.begin },
    element("h2", { text: words.begin }),
    element("div", { class: "begin" }, drawLink(words.drawSomething), ...fileButtons()),
    element("p", { class: "note", text: words.drop }),
    element("h3", { text: words.tryExample }),
    element("div", { class: "examples" }, ...examples),
  );
  watch(["project"], () => {
    box.hidden = !state.project?.is_empty;
  });
  return box;
}
