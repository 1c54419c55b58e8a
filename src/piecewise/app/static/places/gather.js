/** Gather: all samples of every class; they come in by files, camera, microphone and keyboard. */

import { alike } from "app/gather/alike.js";
import { cameraPanel } from "app/gather/camera.js";
import { classRow } from "app/gather/class_row.js";
import { leftOut } from "app/gather/left_out.js";
import { microphonePanel } from "app/gather/microphone.js";
import {
  chooseNone,
  chosen,
  moveChosen,
  removeChosen,
  switchPart,
  whenChosen,
} from "app/gather/selection.js";
import { takes } from "app/gather/targets.js";
import { typingPanel } from "app/gather/typing.js";
import { drawLink, fileButtons, welcome } from "app/gather/welcome.js";
import { forgetThumbnails } from "app/atlas.js";
import { nameField } from "app/classes.js";
import { addClass } from "app/samples.js";
import { currentAttempt, kindNow, state, update, watch } from "app/store.js";
import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

export function gather() {
  const rows = element("div", { class: "gather-classes" });
  const capture = captureBar();
  const same = alike();
  const uneven = element("span", { class: "note" });
  const add = element("button", {
    type: "button",
    text: words.newClass,
    onclick: () => nameField(addPlace, "", addClass),
  });
  const addPlace = element("span", { class: "add-class" }, add);
  /** @type {Map<string, ReturnType<typeof classRow>>} */
  let sections = new Map();
  watch(["order", "teaching"], () => {
    for (const section of sections.values()) section.arrange();
  });
  watch(["project", "place"], () => {
    if (state.place !== "gather") return;
    const classes = state.project?.classes ?? [];
    const old = sections;
    sections = new Map(classes.map(({ folder }) => [folder, old.get(folder) ?? classRow(folder)]));
    if ([...old.keys()].some((folder) => !sections.has(folder))) forgetThumbnails();
    const wanted = [...sections.values()].map(({ section }) => section);
    if (wanted.length !== rows.children.length || wanted.some((one, i) => one !== rows.children[i]))
      rows.replaceChildren(...wanted);
    classes.forEach((one, index) => sections.get(one.folder)?.show(one, index));
    uneven.textContent = words.uneven(classes);
  });
  const foot = element(
    "div",
    { class: "gather-foot" },
    addPlace,
    element("span", { class: "note", text: words.drop }),
  );
  const place = element(
    "div",
    { class: "gather" },
    element("h2", { class: "visually-hidden", text: words.gather }),
    element(
      "div",
      { class: "gather-bar" },
      ...capture.buttons,
      ...fileButtons(),
      element("span", { class: "gap" }),
      uneven,
      orderChoice(),
      same.button,
    ),
    ...capture.panels,
    same.box,
    welcome(),
    unreadSamples(),
    actionBar(),
    rows,
    foot,
  );
  return {
    element: place,
    keys: {
      x: removeChosen,
      Delete: removeChosen,
      t: switchPart,
      r: capture.toggle,
      Escape: chooseNone,
    },
    choose: (/** @type {ProjectClass} */ one) => one.folder && moveChosen(one.folder, null),
  };
}

/** In which order the samples are: by age, or by how the nets of the score judged them. */
function orderChoice() {
  const choice = element(
    "select",
    { "aria-label": words.order },
    ...Object.entries(words.orders).map(([value, text]) => element("option", { value, text })),
  );
  choice.addEventListener("change", () => {
    update({ order: /** @type {Order} */ (choice.value) });
  });
  watch(["attempts", "project"], () => {
    choice.hidden = !currentAttempt()?.score;
  });
  return choice;
}

/** The samples that could not be read when a net was taught. */
function unreadSamples() {
  const box = element("div", { class: "unread" });
  let shown = "";
  watch(["project"], () => {
    const messages = state.project?.unread ?? [];
    const key = JSON.stringify(messages);
    if (key === shown) return;
    shown = key;
    const title = words.unread(messages.length, kindNow());
    box.replaceChildren(...(messages.length ? [leftOut(title, messages)] : []));
  });
  return box;
}

/** What can be done with the chosen samples. */
function actionBar() {
  const count = element("b", { role: "status" });
  const into = element("select", { "aria-label": words.moveTo });
  into.addEventListener("change", () => into.value && moveChosen(into.value, null));
  /** @param {string} text @param {() => unknown} onclick @param {string} [key] */
  const button = (text, onclick, key) =>
    element(
      "button",
      { type: "button", onclick },
      `${text} `,
      key ? element("kbd", { text: key }) : null,
    );
  const bar = element(
    "div",
    { class: "actions" },
    count,
    into,
    button(words.toTest, () => moveChosen(null, "test"), "T"),
    button(words.toLearning, () => moveChosen(null, "train")),
    button(words.remove, removeChosen, "X"),
    element("span", { class: "gap" }),
    button(words.chooseNone, chooseNone),
  );
  watch(["project"], () => {
    const options = (state.project?.classes ?? []).map((one) =>
      element("option", { value: one.folder, text: one.name }),
    );
    into.replaceChildren(element("option", { value: "", text: words.moveTo }), ...options);
  });
  whenChosen(() => {
    bar.hidden = chosen.size === 0;
    count.textContent = words.chosen(chosen.size);
    into.value = "";
  });
  return bar;
}

/** The buttons of camera, microphone and typing, each with its panel; one is open at a time. */
function captureBar() {
  /** @type {[string, Kind, ReturnType<typeof typingPanel>][]} */
  const devices = [
    [words.camera, "pictures", cameraPanel()],
    [words.microphone, "sounds", microphonePanel()],
    [words.type, "texts", typingPanel()],
  ];
  /** @type {ReturnType<typeof typingPanel> | null} */
  let opened = null;
  const draw = drawLink(words.draw);
  const buttons = devices.map(([text, kind, device]) => {
    const button = element("button", {
      type: "button",
      text,
      "aria-expanded": "false",
      onclick: () => {
        const isOpen = opened === device;
        close();
        if (isOpen) return;
        opened = device;
        update({ way: kind });
        button.setAttribute("aria-expanded", "true");
        device.open();
      },
    });
    return button;
  });
  const close = () => {
    opened?.close();
    opened = null;
    for (const one of buttons) one.setAttribute("aria-expanded", "false");
  };
  watch(["project", "place"], () => {
    draw.hidden = !takes("pictures");
    devices.forEach(([, kind], i) => (buttons[i].hidden = !takes(kind)));
    if (state.place !== "gather" && opened) close();
  });
  return {
    buttons: [draw, ...buttons],
    panels: devices.map(([, , device]) => device.panel),
    toggle: () => opened?.toggle(),
  };
}
