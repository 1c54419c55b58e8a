/** Buttons of the classes: press one, or hold it, to say what something is. */

import { nameField, shownClasses } from "app/classes.js";
import { addClass } from "app/samples.js";
import { state, watch } from "app/store.js";
import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

/**
 * @param {{ press?: (folder: string) => void, hold?: (folder: string) => void,
 *   release?: () => void }} actions
 */
export function targets({ press, hold, release }) {
  const row = element("div", { class: "targets" });
  /** @param {ProjectClass} one */
  const folderOf = async (one) => one.folder || (await addClass(one.name));
  /** @param {ProjectClass} one */
  const button = (one) => {
    const made = element(
      "button",
      { type: "button", class: one.folder ? "target" : "target offered" },
      element("bdi", { text: one.name }),
    );
    if (press)
      made.addEventListener("click", async () => {
        const folder = await folderOf(one);
        if (folder) press(folder);
      });
    if (hold && release) {
      const begin = async () => {
        const folder = await folderOf(one);
        if (folder) hold(folder);
      };
      made.addEventListener("pointerdown", (event) => {
        made.setPointerCapture(event.pointerId);
        begin();
      });
      made.addEventListener("pointerup", release);
      made.addEventListener("pointercancel", release);
      made.addEventListener("keydown", (event) => {
        if (event.key !== " ") return;
        event.preventDefault();
        event.stopPropagation();
        if (!event.repeat) begin();
      });
      made.addEventListener("keyup", (event) => event.key === " " && release());
    }
    return made;
  };
  let shown = "";
  watch(["project", "way"], () => {
    const classes = shownClasses();
    const key = JSON.stringify(classes.map(({ folder, name }) => [folder, name]));
    if (key === shown) return;
    shown = key;
    const field = element("span", { class: "new-name" });
    field.append(
      element("button", {
        type: "button",
        class: "target",
        "aria-label": words.newClass,
        title: words.newClass,
        text: "+",
        onclick: () => nameField(field, "", addClass),
      }),
    );
    row.replaceChildren(...classes.map(button), field);
  });
  return row;
}

/** Whether the project takes samples of a kind. @param {Kind} kind */
export function takes(kind) {
  return !state.project || state.project.is_empty || state.project.kind === kind;
}
