/** The mistakes, the most confident first: each with its nearest samples, and keys that mend it. */

import { ask } from "app/ask.js";
import { namedSection } from "app/named_section.js";
import { change } from "app/samples.js";
import { state, watch } from "app/store.js";
import { tile } from "app/try/tile.js";
import { tryWords as words } from "app/words/try.js";
import { confusionSection } from "piecewise/confusion.js";
import { errorTableSection } from "piecewise/error_table.js";
import { mistakeCard } from "piecewise/mistakes.js";
import { element } from "piecewise/text.js";

const PAGE = 20;

/** @typedef {{ id: string, label: number, predicted: number, probability: number, label_probability: number }} FoundMistake */
/** @typedef {{ attempt: number, classes: string[], n: number, count: number, mistakes: FoundMistake[], cells: (Omit<ConfusionCell, "examples"> & { ids: string[] })[], errors: EvaluateData["error_table"] }} Found */
/** @typedef {{ card: HTMLElement, id: string, note: HTMLElement, isDone: boolean }} ReviewCard */
/** A change, and the number of changes before it. @typedef {{ one: ReviewCard, oldId: string, before: number }} ReviewChange */

export class Mistakes {
  /**
   * @param {(id: string, label: string) => void} select shows a sample
   * @param {(id: string, now: string | null) => void} renamed has another id now, or is gone
   */
  constructor(select, renamed) {
    this.select = select;
    this.renamed = renamed;
    /** @type {Part} */
    this.part = "train";
    /** @type {Found | null} */
    this.found = null;
    /** @type {ReviewCard[]} */
    this.cards = [];
    /** What was changed here, the last at the end. @type {ReviewChange[]} */
    this.changes = [];
    this.current = -1;
    /** What keys mend: the current card, or a sample that is shown elsewhere. @type {ReviewCard | null} */
    this.target = null;
    /** What was done with a sample that has no card. */
    this.note = element("p", { class: "done-note", role: "status" });
    this.turn = 0;
    this.list = element("ol", { class: "cards" });
    this.status = element("p", { class: "note", role: "status" });
    this.help = element("p", { class: "note keys-note", text: words.keys, hidden: true });
    this.again = element("button", { type: "button", class: "act", text: words.again });
    this.again.addEventListener("click", () => this.load());
    this.measure = element("button", { type: "button", class: "act", text: words.measure });
    this.measure.addEventListener("click", () => change("POST", "/api/teach", { stage: "score" }));
    this.more = element("button", { type: "button", class: "more" });
    this.more.addEventListener("click", () => this.addCards());
    this.confusion = element("div", { class: "confusion-box" });
    this.errors = element("div", { class: "confusion-box" });
    this.parts = element("div", { class: "stages", role: "group", "aria-label": words.which });
    this.showParts();
    this.element = namedSection(
      "try-mistakes",
      words.mistakes,
      [this.parts, this.again, this.measure],
      this.status,
      this.help,
      this.list,
      this.more,
    );
    watch(["teaching", "place", "attempts", "connection"], () => this.changed());
  }

  showParts() {
    const buttons = /** @type {Part[]} */ (["train", "test"]).map((part) =>
      element("button", {
        type: "button",
        text: words.parts[part],
        "aria-pressed": String(part === this.part),
        onclick: () => {
          this.part = part;
          this.showParts();
          this.load();
        },
      }),
    );
    this.parts.replaceChildren(...buttons);
  }

  /** The net may have others now; those that a person works on stay. */
  changed() {
    const { type, n } = state.teaching;
    const isWhole = this.part === "test" || type !== "score" || this.found?.n === n;
    const isNew = this.found?.attempt !== state.project?.attempt || !isWhole;
    const isOpen = state.place === "try" && state.connection === "open";
    const why = this.whyNot();
    this.again.hidden = !(isNew && !why && this.changes.length);
    if (isOpen && isNew && !this.changes.length) this.load();
  }

  /** Why there is nothing to show; empty if there is. */
  whyNot() {
    const { type, done, of } = state.teaching;
    if (!state.project?.attempt) return words.noNet;
    if (this.part === "test")
      return state.project.classes.some(({ test }) => test) ? "" : words.noTest;
    return type === "score" && done === of ? "" : words.notMeasured;
  }

  async load() {
    this.turn += 1;
    const { turn } = this;
    const why = this.whyNot();
    const { type, done = 0, of = 0 } = state.teaching;
    const isBusy = type === "teaching" || (type === "score" && done < of);
    this.again.hidden = true;
    this.measure.hidden = why !== words.notMeasured || isBusy;
    const found = why ? null : await this.asked();
    if (turn !== this.turn) return; // it is asked again meanwhile
    this.found = found;
    this.changes = [];
    this.cards = [];
    this.current = -1;
    this.target = null;
    this.list.replaceChildren();
    this.help.hidden = !this.found?.count;
    if (!this.found) {
      this.status.textContent = why;
      this.confusion.replaceChildren();
      this.errors.replaceChildren();
      this.more.hidden = true;
      return;
    }
    this.status.textContent = words.wrong(this.found.count, this.found.n, this.part);
    this.confusion.replaceChildren(confusionSection(this.data(this.found)));
    this.errors.replaceChildren(errorTableSection({ error_table: this.found.errors, history: [] }));
    await this.addCards();
  }

  /** @returns {Promise<Found | null>} */
  async asked() {
    try {
      return await ask("POST", "/api/mistakes", { part: this.part });
    } catch {
      return null; // the samples have just changed; another list comes soon
    }
  }

  /**
   * What the modules of the report show.
   * @param {Found} found
   * @returns {ConfusionData}
   */
  data({ classes, cells }) {
    return {
      classes: Object.fromEntries(classes.entries()),
      cells: cells.map(({ ids, ...cell }) => ({ ...cell, examples: ids })),
      names: {},
      show: (id, side) => this.tile(String(id), side),
    };
  }

  /**
   * @param {string} id
   * @param {number} side
   */
  tile(id, side) {
    return tile(id, side, (one, button) => this.open(one, button));
  }

  /**
   * Show a sample, which keys mend: its card, or where it is shown.
   * @param {string} id
   * @param {HTMLElement} button
   */
  open(id, button) {
    const index = this.cards.findIndex((one) => one.id === id && !one.isDone);
    if (index >= 0) return this.choose(index);
    this.cards[this.current]?.card.removeAttribute("aria-current");
    this.current = -1;
    this.note.textContent = "";
    this.target = { card: button, id, note: this.note, isDone: false };
    return this.select(id, this.labelOf(id));
  }

  /** Something that is no sample is shown: keys mend nothing until one is opened. */
  leave() {
    this.cards[this.current]?.card.removeAttribute("aria-current");
    this.target = null;
    this.note.textContent = "";
  }

  /** Whether keys mend a sample. @param {string} id */
  can(id) {
    return this.target?.id === id && !this.target.isDone;
  }

  /** @param {string} id */
  labelOf(id) {
    const folder = id.split("/")[1];
    return state.project?.classes.find((one) => one.folder === folder)?.name ?? folder;
  }

  async addCards() {
    const { found } = this;
    if (!found) return;
    const some = found.mistakes.slice(this.cards.length, this.cards.length + PAGE);
    const near = some.length ? await nearest(some.map(({ id }) => id)) : [];
    if (found !== this.found) return; // another list came meanwhile
    const mistakes = some.map((one, i) => this.mistake(found, one, near[i] ?? []));
    const data = this.data(found);
    for (const [i, one] of mistakes.entries()) {
      const card = mistakeCard(data, one);
      const note = element("p", { class: "done-note", role: "status" });
      card.append(note);
      const number = this.cards.length;
      card.addEventListener("click", ({ target }) => {
        if (!(target instanceof HTMLButtonElement)) this.choose(number);
      });
      this.cards.push({ card, id: some[i].id, note, isDone: false });
      this.list.append(card);
    }
    const left = found.mistakes.length - this.cards.length;
    this.more.hidden = left <= 0;
    this.more.textContent = words.showMore(left);
  }

  /**
   * @param {Found} found
   * @param {FoundMistake} one
   * @param {{ id: string, label: string, distance: number }[]} near
   * @returns {Mistake}
   */
  mistake({ classes }, { id, label, predicted, ...shares }, near) {
    return {
      ...shares,
      name: id,
      label: classes[label],
      predicted: classes[predicted],
      example: id,
      neighbors: near.map(({ id: example, ...rest }) => ({ ...rest, example })),
    };
  }

  /** Make a card the current one, and show its sample. @param {number} index */
  choose(index) {
    if (index < 0 || index >= this.cards.length) return;
    this.cards[this.current]?.card.removeAttribute("aria-current");
    this.current = index;
    this.target = this.cards[index];
    this.note.textContent = "";
    const { card, id, isDone } = this.cards[index];
    card.setAttribute("aria-current", "true");
    card.scrollIntoView({ block: "nearest" });
    if (!isDone) this.select(id, this.labelOf(id));
  }

  /** @param {number} by */
  step(by) {
    this.choose(Math.max(0, Math.min(this.cards.length - 1, this.current + by)));
  }

  /**
   * Do something with the sample that is shown, and go on to the next card.
   * @param {string} note
   * @param {(id: string) => Promise<string | null | undefined>} act gives the new id, null if the
   * sample is gone, undefined if nothing was done
   */
  async mend(note, act) {
    const one = this.target;
    if (!one || one.isDone) return;
    const oldId = one.id;
    const before = state.project?.changes ?? 0;
    one.isDone = true; // no second change while the first one is on its way
    const id = await act(oldId);
    one.isDone = id !== undefined;
    if (id === undefined) return;
    this.renamed(oldId, id);
    if (id) one.id = id;
    one.card.classList.add("done");
    one.note.textContent = note;
    this.changes.push({ one, oldId, before });
    const isCard = one === this.cards[this.current];
    if (isCard && this.current < this.cards.length - 1) this.step(1);
  }

  /** @param {ProjectClass} target */
  relabel({ folder, name }) {
    return this.mend(words.nowIs(name), (id) => move(id, folder, /** @type {Part} */ (partOf(id))));
  }

  remove() {
    return this.mend(words.removed, async (id) =>
      (await change("POST", "/api/remove", { ids: [id] })) ? null : undefined,
    );
  }

  /** Use a sample of the test for learning, or keep one for the test. */
  switchPart() {
    const where = this.target?.id.startsWith("test/") ? "train" : "test";
    return this.mend(words.moved[where], (id) => move(id, id.split("/")[1], where));
  }

  /** Take the last change of this list back; false if another one was made since. */
  undo() {
    const last = this.changes[this.changes.length - 1];
    if (!last) return false;
    this.takeBack(last);
    return true;
  }

  /** @param {ReviewChange} last */
  async takeBack({ one, oldId, before }) {
    const isOurs = Number(state.project?.changes) <= before + 1;
    const done = await change("POST", "/api/undo", {});
    if (!done) return;
    if (!isOurs) return void this.load();
    this.changes.pop();
    for (const earlier of this.changes) earlier.before += 2; // the change, and taking it back
    one.id = oldId;
    one.isDone = false;
    one.card.classList.remove("done");
    one.note.textContent = "";
    const index = this.cards.indexOf(one);
    if (index >= 0) this.choose(index);
    else this.open(oldId, one.card);
  }
}

/** @param {string} id */
function partOf(id) {
  return id.split("/")[0];
}

/**
 * @param {string} id
 * @param {string} folder
 * @param {Part} where
 * @returns {Promise<string | undefined>}
 */
async function move(id, folder, where) {
  return (await change("POST", "/api/move", { ids: [id], folder, part: where }))?.ids[0];
}

/**
 * The samples nearest to each of some; none if the classes have changed.
 * @param {string[]} ids
 * @returns {Promise<{ id: string, label: string, distance: number }[][]>}
 */
async function nearest(ids) {
  try {
    return (await ask("POST", "/api/nearest", { ids })).nearest;
  } catch {
    return [];
  }
}
