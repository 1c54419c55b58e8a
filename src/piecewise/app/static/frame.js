/** The frame of the page: the top bar, the strip, the place that is open, and the help. */

import { nameField } from "app/classes.js";
import { state, watch } from "app/store.js";
import { strip } from "app/strip.js";
import { rename } from "app/turn.js";
import { words } from "app/words/en.js";
import { hasSingleKeys, setSingleKeys } from "app/keys.js";
import { PLACES, placesElement } from "app/places.js";
import { repaint } from "piecewise/paint.js";
import { element } from "piecewise/text.js";
import { themeButton } from "piecewise/theme.js";

const THEME = "piecewise theme";

export function frame() {
  const help = helpDialog();
  const top = element(
    "header",
    { class: "app-top" },
    element("h1", { class: "word", text: "piecewise" }),
    projectName(),
    links(words.places),
    element("span", { class: "saved", text: words.saved }),
    theme(),
    element("button", {
      type: "button",
      class: "plain",
      "aria-label": words.help,
      text: "?",
      onclick: () => help.showModal(),
    }),
  );
  const tabs = links(`${words.places} `);
  tabs.className = "tabs";
  return { top: [top, strip(), problem()], main: placesElement(), tabs, help };
}

function theme() {
  const root = document.documentElement;
  const kept = localStorage.getItem(THEME);
  if (kept) root.dataset.theme = kept;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = themeButton(() => {
    root.dataset.scheme = root.dataset.theme ?? (system.matches ? "dark" : "light");
    repaint();
  });
  button.classList.add("plain");
  button.addEventListener("click", () => localStorage.setItem(THEME, root.dataset.theme ?? ""));
  return button;
}

function projectName() {
  const place = element("span", { class: "project" });
  const button = element("button", {
    type: "button",
    class: "plain",
    title: words.projectName,
    onclick: () =>
      nameField(place, state.project?.name ?? "", (name, known) =>
        rename("project", "/api/project", name, known),
      ),
  });
  place.append(button);
  watch(["project"], () => {
    button.textContent = state.project?.name ?? "";
  });
  return place;
}

/** @param {string} label */
function links(label) {
  const list = PLACES.map((name) => element("a", { href: `#/${name}`, text: words[name] }));
  watch(["place"], () => {
    list.forEach((link, i) => {
      if (PLACES[i] === state.place) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
  });
  return element("nav", { "aria-label": label }, ...list);
}

/** What failed, until something succeeds. */
function problem() {
  const text = element("p", { role: "alert" });
  const box = element("div", { class: "problem-bar" }, text);
  watch(["problem"], () => {
    box.hidden = !state.problem;
    text.textContent = state.problem;
  });
  return box;
}

function helpDialog() {
  const rows = words.keyList.flatMap(([key, does]) => [
    element("dt", {}, element("kbd", { text: key })),
    element("dd", { text: does }),
  ]);
  const box = element("input", { type: "checkbox", checked: hasSingleKeys() });
  box.addEventListener("change", () => setSingleKeys(box.checked));
  const dialog = element(
    "dialog",
    { class: "help", "aria-labelledby": "help-title" },
    element("h2", { id: "help-title", text: words.keys }),
    element("dl", {}, ...rows),
    element("label", {}, box, ` ${words.singleKeys}`),
    element("button", { type: "button", text: words.close, onclick: () => dialog.close() }),
  );
  return dialog;
}
