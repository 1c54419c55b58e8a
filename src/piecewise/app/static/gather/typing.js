/** Texts that are typed or pasted: one, or one a line. */

import { part } from "app/ask.js";
import { targets } from "app/gather/targets.js";
import { change } from "app/samples.js";
import { update } from "app/store.js";
import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

export function typingPanel() {
  const field = element("textarea", { rows: 5, "aria-label": words.typeHere });
  const each = element("input", { type: "checkbox", checked: true });
  const count = element("span", { class: "sub", role: "status" });
  const texts = () => {
    const all = each.checked ? field.value.split("\n") : [field.value];
    return all.map((one) => one.trim()).filter(Boolean);
  };
  const recount = () => {
    count.textContent = words.texts(texts().length);
  };
  field.addEventListener("input", recount);
  each.addEventListener("change", recount);
  recount();
  /** @param {string} folder */
  const save = async (folder) => {
    const typed = texts();
    if (!typed.length) return update({ problem: words.nothingTyped });
    if (!(await change("POST", `/api/samples/${part(folder)}`, { texts: typed }))) return undefined;
    field.value = "";
    recount();
    field.focus();
    return undefined;
  };
  const panel = element(
    "div",
    { class: "capture", hidden: true },
    field,
    element(
      "div",
      { class: "capture-side" },
      element("label", {}, each, ` ${words.eachLine}`),
      count,
      element("p", { class: "note", text: words.thisIs }),
      targets({ press: save }),
    ),
  );
  const open = () => {
    panel.hidden = false;
    field.focus();
  };
  const close = () => {
    panel.hidden = true;
  };
  return { panel, open, close, toggle: () => {} };
}
