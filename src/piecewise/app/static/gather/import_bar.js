/** What a person sees of an import: where the files go, how far it is, and what was left out. */

import {
  filesOf,
  importFiles,
  isFree,
  openWeights,
  stopImport,
  takeFiles,
} from "app/gather/files.js";
import { leftOut } from "app/gather/left_out.js";
import { addClass, change } from "app/samples.js";
import { currentAttempt, state, update, watch } from "app/store.js";
import { words } from "app/words/gather.js";
import { nameField, shownClasses } from "app/classes.js";
import { element } from "piecewise/text.js";

/** The bar below the strip, and what is shown while files are held over the page. */
export function importBar() {
  const bar = element("div", { class: "import-bar", role: "status" });
  watch(["importing", "imported", "asked", "weights"], () => {
    const { asked, weights } = state;
    const shown = asked ? asking() : weights ? ofWeights(weights) : isFree() ? result() : running();
    bar.replaceChildren(...shown);
    bar.hidden = !shown.length;
  });
  const over = element("div", { class: "drop-over", hidden: true, text: words.dropNow });
  listenToDrops(over);
  return [bar, over];
}

function running() {
  const { done, total, left } = state.importing ?? {};
  const meter = element("progress", { max: total || 1, "aria-label": words.importing });
  if (total) meter.value = done ?? 0;
  return [
    element("b", { text: words.importing }),
    meter,
    element("span", { class: "sub", text: total ? words.progress(done ?? 0, total, left) : "" }),
    element("button", {
      type: "button",
      text: words.stop,
      onclick: stopImport,
    }),
  ];
}

/** What was imported, and what was left out. */
function result() {
  const { imported } = state;
  if (!imported) return [];
  const count = Object.values(imported.classes).reduce((sum, one) => sum + one, 0);
  return [
    element("span", {
      text: imported.opened
        ? words.opened(imported.opened)
        : words.imported(count, Object.keys(imported.classes).length),
    }),
    imported.skipped_count
      ? leftOut(words.skipped(imported.skipped_count), imported.skipped, imported.files)
      : "",
    element("span", { class: "gap" }),
    count
      ? element("button", {
          type: "button",
          class: "plain",
          text: words.undo,
          onclick: async () => {
            for (let left = imported.changes ?? 1; left > 0; left -= 1)
              if (!(await change("POST", "/api/undo", {}))) return;
            update({ imported: null });
          },
        })
      : "",
    element("button", {
      type: "button",
      class: "plain",
      text: words.close,
      onclick: () => update({ imported: null }),
    }),
  ];
}

/** Which layers the weights of a file are of. @param {File} file */
function ofWeights(file) {
  const field = element("input", {
    class: "of-layers",
    "aria-label": words.layersOf(file.name),
    value: currentAttempt()?.layers ?? "",
  });
  const form = element(
    "form",
    { class: "begin" },
    element("b", { text: words.layersOf(file.name) }),
    field,
    element("button", { text: words.open }),
    element("button", {
      type: "button",
      class: "plain",
      text: words.cancel,
      onclick: () => update({ weights: null }),
    }),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    openWeights(file, field.value.trim());
  });
  return [form];
}

/** Which class loose files are of. */
function asking() {
  const files = state.asked ?? [];
  /** @param {string | undefined} folder */
  const take = (folder) => {
    if (folder === undefined) return;
    update({ asked: null });
    importFiles(files, folder);
  };
  const field = element("span", { class: "new-name" });
  field.append(
    element("button", {
      type: "button",
      text: words.newClass,
      onclick: () => nameField(field, "", async (name) => take(await addClass(name))),
    }),
  );
  return [
    element("b", { text: words.whichClass(files.length) }),
    ...shownClasses().map((one) =>
      element("button", {
        type: "button",
        text: one.name,
        onclick: async () => take(one.folder || (await addClass(one.name))),
      }),
    ),
    field,
    element("button", {
      type: "button",
      class: "plain",
      text: words.cancel,
      onclick: () => update({ asked: null }),
    }),
  ];
}

/** @param {HTMLElement} over */
function listenToDrops(over) {
  const rowOf = (/** @type {EventTarget | null} */ target) =>
    target instanceof Element ? target.closest(".gather-class") : null;
  /** @type {Element | null} */
  let row = null;
  const mark = (/** @type {Element | null} */ next) => {
    row?.classList.remove("over");
    row = next;
    row?.classList.add("over");
  };
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    over.hidden = false;
    mark(rowOf(event.target));
  });
  const end = () => {
    over.hidden = true;
    mark(null);
  };
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) end();
  });
  addEventListener("drop", async (event) => {
    if (!event.dataTransfer) return;
    event.preventDefault();
    const folder = /** @type {HTMLElement | null} */ (rowOf(event.target))?.dataset.folder ?? null;
    end();
    takeFiles(await filesOf(event.dataTransfer), folder);
  });
}
