/** A class in Gather: its name and counts, its samples, and a menu of what can be done with it. */

import { part } from "app/ask.js";
import { nameField } from "app/classes.js";
import { takeFiles } from "app/gather/files.js";
import { SampleView } from "app/gather/sample_view.js";
import { change } from "app/samples.js";
import { kindNow, state } from "app/store.js";
import { rename } from "app/turn.js";
import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

const SHARE = 20; // percent for the test that is offered

/** What changes with the judged samples. */
function scoredAttempt() {
  const { type, attempt, n } = state.teaching;
  return type === "score" ? `${attempt} ${n}` : "";
}

/**
 * @param {string} folder
 */
export function classRow(folder) {
  const path = `/api/classes/${part(folder)}`;
  let own = /** @type {ProjectClass} */ ({ folder, name: "", train: 0, test: 0, revision: 0 });
  const name = element("button", {
    type: "button",
    class: "plain rename",
    onclick: () =>
      nameField(place, own.name, (typed, known) => rename("class", path, typed, known)),
  });
  const place = element("h3", { class: "class-name" }, name);
  const count = element("span", { class: "sub" });
  const digit = element("kbd");
  const views = {
    train: new SampleView(folder, "train"),
    test: new SampleView(folder, "test"),
  };
  const opener = element("button", {
    type: "button",
    class: "plain opener",
    "aria-expanded": "false",
    onclick: () => {
      const isOpen = opener.getAttribute("aria-expanded") !== "true";
      opener.setAttribute("aria-expanded", String(isOpen));
      opener.textContent = isOpen ? words.showLine : words.showAll;
      for (const view of Object.values(views)) view.setOpen(isOpen);
    },
    text: words.showAll,
  });
  const menu = classMenu(path, folder, () => own);
  const testLabel = element("p", { class: "sub", text: words.forTest });
  const empty = element("p", { class: "note empty", text: words.noSamples });
  const section = element(
    "section",
    { class: "gather-class" },
    element(
      "div",
      { class: "gather-head" },
      element("div", { class: "gather-name" }, place, digit),
      count,
      element("div", { class: "gather-tools" }, opener, menu.element),
    ),
    element("div", { class: "gather-samples" }, empty, views.train.box, testLabel, views.test.box),
  );
  section.dataset.folder = folder;
  /**
   * @param {ProjectClass} one
   * @param {number} index
   */
  const show = (one, index) => {
    own = one;
    const isNew = name.textContent !== one.name;
    name.textContent = one.name;
    if (isNew) name.title = words.rename(one.name);
    section.setAttribute("aria-label", one.name);
    count.textContent = words.counts(kindNow(), one.train, one.test);
    digit.hidden = index > 8;
    digit.textContent = String(index + 1);
    empty.hidden = one.train + one.test > 0;
    opener.hidden = one.train + one.test === 0;
    testLabel.hidden = views.test.box.hidden = one.test === 0;
    views.train.box.hidden = one.train === 0;
    views.test.show(one.test, one.name, `${one.test} ${one.revision}`);
    arrange();
    menu.show();
  };
  /** Put the samples in the chosen order, which another net or score changes. */
  const arrange = () => {
    const by = state.order === "alike" ? state.project?.attempt : scoredAttempt();
    const order = state.order === "added" ? "" : `${state.order} ${by}`;
    views.train.show(own.train, own.name, `${own.train} ${own.revision} ${order}`);
  };
  return { section, show, arrange };
}

/**
 * @param {string} path
 * @param {string} folder
 * @param {() => ProjectClass} own
 */
function classMenu(path, folder, own) {
  const share = element("input", { type: "number", min: 0, max: 90, value: SHARE });
  const into = element("select", { "aria-label": words.mergeInto });
  const input = element("input", { type: "file", multiple: true, hidden: true });
  input.addEventListener("change", () => {
    takeFiles(
      [...(input.files ?? [])].map((file) => ({ path: file.name, file })),
      folder,
    );
    input.value = "";
  });
  const summary = element(
    "summary",
    { class: "plain" },
    element("span", { "aria-hidden": "true", text: words.more }),
  );
  /** @param {string} text @param {() => unknown} does */
  const item = (text, does) =>
    element("button", {
      type: "button",
      text,
      onclick: () => {
        details.open = false;
        does();
      },
    });
  const merge = element(
    "div",
    { class: "row" },
    into,
    item(words.merge, () => into.value && change("POST", `${path}/merge`, { into: into.value })),
  );
  const shareRow = element(
    "div",
    { class: "row" },
    element("label", {}, share, ` ${words.percentForTest}`),
    item(words.keep, () => change("POST", "/api/share", { folder, percent: Number(share.value) })),
  );
  const details = element(
    "details",
    { class: "class-menu" },
    summary,
    element(
      "div",
      { class: "menu" },
      item(words.addFiles, () => input.click()),
      input,
      shareRow,
      merge,
      element(
        "div",
        { class: "row" },
        item(words.moveUp, () => reorder(folder, -1)),
        item(words.moveDown, () => reorder(folder, 1)),
      ),
      item(words.removeClass, () => change("DELETE", path)),
    ),
  );
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !details.open) return;
    details.open = false;
    summary.focus();
    event.stopPropagation();
  });
  details.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget instanceof Node && !details.contains(relatedTarget)) details.open = false;
  });
  const show = () => {
    const { name, train, test } = own();
    summary.setAttribute("aria-label", words.menuOf(name));
    input.setAttribute("aria-label", words.addFilesTo(name));
    const others = state.project?.classes.filter((one) => one.folder !== folder) ?? [];
    merge.hidden = !others.length;
    shareRow.hidden = train + test === 0;
    into.replaceChildren(
      element("option", { value: "", text: words.mergeInto }),
      ...others.map((one) => element("option", { value: one.folder, text: one.name })),
    );
  };
  return { element: details, show };
}

/**
 * Move a class up or down in the order.
 * @param {string} folder
 * @param {number} step
 */
function reorder(folder, step) {
  const order = (state.project?.classes ?? []).map((one) => one.folder);
  const from = order.indexOf(folder);
  const to = Math.max(0, Math.min(order.length - 1, from + step));
  if (from === to) return undefined;
  order.splice(to, 0, ...order.splice(from, 1));
  return change("PATCH", "/api/project", { order });
}
