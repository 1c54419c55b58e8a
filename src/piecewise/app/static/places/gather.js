/** Gather: all samples of every class; files are dropped here, samples moved and removed. */

import { loadThumbnails, showThumbnail } from "app/atlas.js";
import { classHead, nameField } from "app/classes.js";
import { addClass, change, samplesOf, saveFiles } from "app/samples.js";
import { state, watch } from "app/store.js";
import { words } from "app/words/en.js";
import { part } from "app/ask.js";
import { element } from "piecewise/text.js";

const PAGE = 200; // samples that are shown at a time
/** The ids of the chosen samples. @type {Set<string>} */
const chosen = new Set();
/** @type {() => void} */
let choiceChanged = () => {};

export function gather() {
  const rows = element("div", { class: "gather-classes" });
  const count = element("span", { role: "status" });
  const actions = element(
    "div",
    { class: "actions" },
    count,
    element("button", { type: "button", text: words.remove, onclick: () => remove() }),
    element("button", { type: "button", text: words.toTest, onclick: () => moveAll(null, "test") }),
    element("button", {
      type: "button",
      text: words.toLearning,
      onclick: () => moveAll(null, "train"),
    }),
  );
  choiceChanged = () => {
    actions.hidden = chosen.size === 0;
    count.textContent = words.chosen(chosen.size);
  };
  choiceChanged();
  const add = element("button", {
    type: "button",
    text: words.newClass,
    onclick: () => nameField(addPlace, "", addClass),
  });
  const addPlace = element("div", { class: "add-class" }, add);
  /** @type {Map<string, ReturnType<typeof classSection>>} */
  let sections = new Map();
  watch(["project", "place"], () => {
    if (state.place !== "gather") return;
    const classes = state.project?.classes ?? [];
    sections = new Map(
      classes.map(({ folder }) => [folder, sections.get(folder) ?? classSection(folder)]),
    );
    for (const one of classes) sections.get(one.folder)?.show(one);
    const wanted = [...sections.values()].map(({ section }) => section);
    if (wanted.length !== rows.children.length || wanted.some((one, i) => one !== rows.children[i]))
      rows.replaceChildren(...wanted);
  });
  return {
    element: element(
      "div",
      { class: "gather" },
      element("h2", { text: words.gather }),
      element("p", { class: "note", text: words.drop }),
      actions,
      rows,
      addPlace,
    ),
    keys: { x: remove, t: switchPart },
    choose: (/** @type {ProjectClass} */ one) => one.folder && moveAll(one.folder, null),
  };
}

async function remove() {
  if (!chosen.size) return;
  const ids = [...chosen];
  chosen.clear();
  choiceChanged();
  await change("POST", "/api/remove", { ids });
}

/** Keep the chosen samples for the test; or use them for learning, if all are kept already. */
function switchPart() {
  const isTest = [...chosen].every((id) => id.startsWith("test/"));
  return moveAll(null, isTest ? "train" : "test");
}

/**
 * Move the chosen samples to a class, or to a part of their own.
 * @param {string | null} folder
 * @param {Part | null} where
 */
async function moveAll(folder, where) {
  /** @type {Map<string, string[]>} */
  const targets = new Map();
  for (const id of chosen) {
    const [oldPart, oldFolder] = id.split("/");
    const target = JSON.stringify([folder ?? oldFolder, where ?? oldPart]);
    targets.set(target, [...(targets.get(target) ?? []), id]);
  }
  chosen.clear();
  choiceChanged();
  for (const [target, ids] of targets) {
    const [into, partOf] = JSON.parse(target);
    await change("POST", "/api/move", { ids, folder: into, part: partOf });
  }
}

/** @param {string} folder */
function classSection(folder) {
  const head = classHead(folder);
  const input = element("input", {
    type: "file",
    multiple: true,
    class: "file-input",
    hidden: true,
  });
  const addButton = element("button", {
    type: "button",
    text: words.addFiles,
    onclick: () => input.click(),
  });
  const removeButton = element("button", {
    type: "button",
    class: "plain",
    text: words.removeClass,
    onclick: () => change("DELETE", `/api/classes/${part(folder)}`),
  });
  head.element.append(element("span", { class: "gap" }), input, addButton, removeButton);
  const refused = element("div", { role: "status" });
  const [train, test] = [sampleGrid(folder, "train"), sampleGrid(folder, "test")];
  const section = element(
    "section",
    { class: "gather-class" },
    head.element,
    refused,
    train.element,
    test.element,
  );
  /** @param {File[]} files */
  const take = async (files) => {
    const messages = await saveFiles(folder, "train", files);
    refused.replaceChildren(...(messages.length ? [refusedList(messages)] : []));
  };
  input.addEventListener("change", () =>
    take([...(input.files ?? [])]).then(() => (input.value = "")),
  );
  dropZone(section, take);
  /** @param {ProjectClass} one */
  const show = (one) => {
    head.show(one);
    input.setAttribute("aria-label", words.addFilesTo(one.name));
    section.setAttribute("aria-label", one.name);
    train.show(one.train, one.name);
    test.show(one.test, one.name);
  };
  return { section, show };
}

/** @param {string[]} messages */
function refusedList(messages) {
  return element(
    "details",
    { class: "refused", open: true },
    element("summary", { text: words.refused(messages.length) }),
    element("ul", {}, ...messages.map((text) => element("li", { text }))),
  );
}

/**
 * @param {HTMLElement} zone
 * @param {(files: File[]) => void} take
 */
function dropZone(zone, take) {
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take([...(event.dataTransfer?.files ?? [])]);
  });
}

/**
 * The samples of a class in a part, a page at a time.
 * @param {string} folder
 * @param {Part} where
 */
function sampleGrid(folder, where) {
  const grid = element("div", { class: "sample-grid", role: "group" });
  const more = element("button", { type: "button", class: "more" });
  const title = element("h3", { text: where === "train" ? words.forLearning : words.forTest });
  const box = element("div", {}, title, grid, more);
  let wanted = PAGE;
  let shown = "";
  /**
   * @param {number} total
   * @param {string} name
   */
  async function show(total, name) {
    box.hidden = total === 0;
    grid.setAttribute("aria-label", `${words.samplesOf(name)}, ${title.textContent}`);
    const key = `${total} ${state.project?.version} ${wanted}`;
    if (key === shown) return;
    shown = key;
    const { ids } = total ? await samplesOf(folder, where, wanted) : { ids: [] };
    await loadThumbnails(ids);
    grid.replaceChildren(...ids.map(sampleButton));
    more.hidden = total <= ids.length;
    more.textContent = words.showMore(total - ids.length);
    more.onclick = () => {
      wanted += PAGE;
      show(total, name);
    };
  }
  return { element: box, show };
}

/** A sample that a click chooses. @param {string} id */
function sampleButton(id) {
  const name = id.split("/")[2];
  const button = element("button", {
    type: "button",
    class: "thumb",
    title: name,
    "aria-label": name,
    "aria-pressed": String(chosen.has(id)),
    onclick: () => {
      if (!chosen.delete(id)) chosen.add(id);
      button.setAttribute("aria-pressed", String(chosen.has(id)));
      choiceChanged();
    },
  });
  if (state.project?.kind === "pictures") showThumbnail(button, id);
  else button.textContent = name;
  return button;
}
