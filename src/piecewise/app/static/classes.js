/** The classes beside the pad: a button that saves what is on the pad, and the newest samples. */

import { loadThumbnails, showThumbnail } from "app/atlas.js";
import { addClass, samplesOf } from "app/samples.js";
import { kindNow, state, watch } from "app/store.js";
import { rename } from "app/turn.js";
import { words } from "app/words/en.js";
import { ask, part } from "app/ask.js";
import { rovingTabIndex } from "piecewise/grid.js";
import { element } from "piecewise/text.js";

const SHOWN = 16;
/** The classes that an empty project offers: letters to draw, or two names for anything. */
const LETTERS = ["O", "X"];
const PLAIN = ["A", "B"];

/**
 * The classes, and those that are offered as long as there are fewer than two: in the order that
 * they have once all are there, so that each keeps its digit.
 */
export function shownClasses() {
  const classes = state.project?.classes ?? [];
  const names = classes.map(({ name }) => name);
  const own = kindNow() === "pictures" ? LETTERS : PLAIN;
  const offered = own
    .filter((name) => !names.includes(name))
    .slice(0, Math.max(0, 2 - names.length));
  const all = [
    ...classes,
    ...offered.map((name) => ({ folder: "", name, train: 0, test: 0, revision: 0 })),
  ];
  return offered.length ? all.sort((one, two) => (one.name < two.name ? -1 : 1)) : all;
}

/**
 * @param {(one: ProjectClass) => void} choose what a class button does
 */
export function teachButtons(choose) {
  const row = element("div", { class: "teach" });
  watch(["project", "way"], () => {
    const buttons = shownClasses().map((one, i) =>
      element(
        "button",
        {
          type: "button",
          class: one.folder ? "class-button" : "class-button offered",
          onclick: () => choose(one),
        },
        element("bdi", { text: one.name }),
        i < 9 ? element("kbd", { text: String(i + 1) }) : null,
      ),
    );
    const add = element("button", {
      type: "button",
      class: "class-button new",
      "aria-label": words.newClass,
      title: words.newClass,
      text: "+",
      onclick: () => nameField(row, "", addClass),
    });
    row.replaceChildren(...buttons, add);
  });
  return row;
}

/**
 * Ask for a name in a field in place of what is in an element.
 * @param {HTMLElement} place
 * @param {string} name
 * @param {(name: string, before: string) => unknown} done
 */
export function nameField(place, name, done) {
  const before = [...place.childNodes];
  const field = element("input", { class: "name", "aria-label": words.className, value: name });
  let isOver = false;
  /** @param {boolean} isKept */
  const end = (isKept) => {
    if (isOver) return;
    isOver = true;
    const typed = field.value.trim();
    place.replaceChildren(...before);
    if (isKept && typed && typed !== name) done(typed, name);
  };
  field.addEventListener("blur", () => end(true));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "Escape") end(event.key === "Enter");
    event.stopPropagation();
  });
  place.replaceChildren(field);
  field.select();
  field.focus();
}

/**
 * The classes with their newest samples.
 * @param {(id: string) => void} look shows a sample
 */
export function classList(look) {
  const list = element("div", { class: "classes" });
  /** @type {Map<string, ReturnType<typeof classRow>>} */
  let rows = new Map();
  watch(["project", "pending"], () => {
    const classes = state.project?.classes ?? [];
    rows = new Map(
      classes.map(({ folder }) => [folder, rows.get(folder) ?? classRow(folder, look)]),
    );
    for (const one of classes) rows.get(one.folder)?.show(one);
    const sections = [...rows.values()].map(({ section }) => section);
    if (
      sections.some((one, i) => one !== list.children[i]) ||
      list.children.length > sections.length
    )
      list.replaceChildren(...sections);
  });
  return list;
}

/**
 * @param {string} folder
 * @param {(id: string) => void} look
 */
function classRow(folder, look) {
  const head = classHead(folder);
  const hollow = element("span", { class: "waiting" });
  const thumbs = element("span", { class: "thumbs" });
  const strip = element("div", { class: "samples", role: "group" }, hollow, thumbs);
  let shown = "";
  /** @param {ProjectClass} one */
  async function show(one) {
    head.show(one);
    strip.setAttribute("aria-label", words.samplesOf(one.name));
    const waiting = state.pending.filter((pending) => pending.folder === folder);
    hollow.replaceChildren(...waiting.map(() => element("span", { class: "thumb hollow" })));
    const key = `${one.train} ${state.project?.version}`;
    if (key === shown) return;
    shown = key;
    const { ids } = one.train
      ? await samplesOf(folder, "train", SHOWN).catch(() => ({ ids: [] })) // it is gone already
      : { ids: [] };
    const isOfTexts = state.project?.kind === "texts";
    if (!isOfTexts) await loadThumbnails(ids);
    thumbs.replaceChildren(...ids.map((id) => thumbButton(id, look)));
    if (isOfTexts && ids.length) await showTexts(ids, [...thumbs.children]);
    const buttons = /** @type {HTMLButtonElement[]} */ ([...thumbs.children]);
    rovingTabIndex(buttons);
  }
  const section = element("div", { class: "class" }, head.element, strip);
  return { section, show };
}

/**
 * Show the beginnings of texts on their buttons.
 * @param {string[]} ids
 * @param {Element[]} buttons
 */
async function showTexts(ids, buttons) {
  const { texts } = await ask("POST", "/api/texts", { ids }).catch(() => ({ texts: [] }));
  buttons.forEach((button, i) => {
    button.classList.add("of-text");
    button.textContent = texts[i] ?? "";
    button.removeAttribute("aria-label");
  });
}

/**
 * The name of a class, which a click renames, and how many samples it has.
 * @param {string} folder
 */
export function classHead(folder) {
  let name = "";
  const button = element("button", {
    type: "button",
    class: "plain rename",
    onclick: () =>
      nameField(place, name, (typed, known) =>
        rename("class", `/api/classes/${part(folder)}`, typed, known),
      ),
  });
  const place = element("span", { class: "class-name" }, button);
  const count = element("span", { class: "sub" });
  /** @param {ProjectClass} one */
  const show = (one) => {
    name = one.name;
    button.textContent = name;
    button.title = words.rename(name);
    count.textContent = words.samples(kindNow(), one.train, one.test);
  };
  return { element: element("div", { class: "class-head" }, place, count), show };
}

/**
 * @param {string} id
 * @param {(id: string) => void} look
 */
export function thumbButton(id, look) {
  const label = words.lookAt(id.split("/")[2]);
  const set = { type: "button", class: "thumb", "aria-label": label, title: label };
  const thumb = element("button", { ...set, onclick: () => look(id) });
  showThumbnail(thumb, id);
  return thumb;
}
