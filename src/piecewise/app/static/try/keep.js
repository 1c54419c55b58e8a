/**
 * What a person does with what was asked: keep it as a sample, from which the net learns, or give a
 * sample that is there another label, or remove it. One press is one change, which can be undone.
 */

import { part } from "app/ask.js";
import { shownClasses } from "app/classes.js";
import { addClass, change, saveDrawing } from "app/samples.js";
import { kindNow, state } from "app/store.js";
import { tryWords as words } from "app/words/try.js";
import { element } from "piecewise/text.js";

/**
 * What was kept: its id, the question about it, and the number of changes before.
 * @typedef {{ id: string, question: Question, file: File | null, before: number }} Kept
 */

export class Keep {
  /**
   * @param {{ kept: (id: string) => void, again: (kept: Kept) => void }} show a
   *   sample that was kept, or what is no sample any more
   * @param {{ relabel: (one: ProjectClass) => unknown, remove: () => unknown }} mend a sample
   */
  constructor(show, mend) {
    this.show = show;
    this.mend = mend;
    /** What can be kept. @type {Question | null} */
    this.question = null;
    /** @type {File | null} */
    this.file = null;
    /** @type {Kept | null} */
    this.kept = null;
    this.shown = ""; // the classes of the buttons
    this.isBusy = false;
    this.row = element("div", { class: "keep", role: "group" });
    this.note = element("p", { class: "done-note", role: "status" });
    this.element = element("div", {}, this.row, this.note);
  }

  /**
   * Offer what can be done.
   * @param {Question} question
   * @param {File | null} file that the question is about
   * @param {string} label of a sample that can be mended; empty if it cannot
   */
  offer(question, file, label) {
    const isOwn = !question.sample;
    if (question !== this.question && question.sample !== this.kept?.id) this.forget();
    this.question = question;
    this.file = file;
    const isKeepable = isOwn && (question.upload === undefined || file !== null);
    this.row.hidden = !isKeepable && !label;
    const classes = isOwn ? shownClasses() : (state.project?.classes ?? []);
    const others = classes.filter(({ name }) => name !== label);
    const key = JSON.stringify([
      kindNow(),
      isOwn,
      others.map(({ folder, name }) => [folder, name]),
    ]);
    if (key === this.shown) return;
    this.shown = key;
    const title = isOwn ? words.keepAs[kindNow()] : words.relabelAs;
    const remove = {
      type: "button",
      class: "plain",
      text: words.remove,
      onclick: this.mend.remove,
    };
    this.row.setAttribute("aria-label", title);
    this.row.replaceChildren(
      element("span", { class: "sub", text: title }),
      ...others.map((one) => this.button(one)),
      isOwn ? "" : element("button", remove),
    );
  }

  /** @param {ProjectClass} one */
  button(one) {
    const press = () => (this.question?.sample ? this.mend.relabel(one) : this.keep(one));
    return element(
      "button",
      { type: "button", onclick: press },
      element("bdi", { text: one.name }),
    );
  }

  /** Nothing can be done with what is gone. */
  hide() {
    this.row.hidden = true;
  }

  /** Keep what was asked as a sample of a class. @param {ProjectClass} one */
  async keep(one) {
    const { question, file } = this;
    if (this.isBusy || !question || question.sample || this.row.hidden) return;
    this.isBusy = true;
    const isFocused = this.row.contains(document.activeElement);
    const before = Number(state.project?.changes) + (one.folder ? 0 : 1); // with a new class
    const folder = one.folder || (await addClass(one.name));
    const id = folder && (await saved(folder, question, file));
    this.isBusy = false;
    if (!id) return;
    this.show.kept(id);
    this.kept = { id, question, file, before };
    const undo = element("button", {
      type: "button",
      class: "link",
      text: words.undo,
      onclick: () => this.undo(),
    });
    this.note.replaceChildren(`${words.keptAs(one.name)} `, undo);
    if (isFocused) undo.focus();
  }

  /** Undo the keeping, if nothing was changed since; false if there is nothing to undo. */
  undo() {
    const { kept } = this;
    if (!kept || Number(state.project?.changes) > kept.before + 1) return false;
    this.forget();
    change("POST", "/api/undo", {}).then((done) => done && this.show.again(kept));
    return true;
  }

  /** Something else is asked. */
  forget() {
    this.kept = null;
    this.note.replaceChildren();
  }
}

/**
 * Save what was asked; the id of the sample.
 * @param {string} folder
 * @param {Question} question
 * @param {File | null} file
 * @returns {Promise<string | null | undefined>}
 */
async function saved(folder, { strokes, width = 6, text }, file) {
  if (strokes) return saveDrawing({ folder, strokes, width });
  const path = file
    ? `/api/files/${part(folder)}?name=${part(file.name)}`
    : `/api/samples/${part(folder)}`;
  return (await change("POST", path, file ?? { texts: [text] }))?.ids[0];
}
