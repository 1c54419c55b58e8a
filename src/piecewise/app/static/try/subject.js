/** One input at a time: a person's own or a sample, its answer, and what it would be if changed. */

import { ask, part, Refused, request } from "app/ask.js";
import { askAbout } from "app/live.js";
import { showPicture } from "app/atlas.js";
import { namedSection } from "app/named_section.js";
import { Pad } from "app/pad.js";
import { why } from "app/reasons.js";
import { isUntaught, verdict } from "app/says.js";
import { kindNow, state, update, watch } from "app/store.js";
import { causesBox } from "app/try/causes.js";
import { Keep } from "app/try/keep.js";
import { recordButton } from "app/try/record.js";
import { seenInput } from "app/try/seen.js";
import { tile } from "app/try/tile.js";
import { tryWords as words } from "app/words/try.js";
import { robustnessSection } from "piecewise/robustness.js";
import { element, number } from "piecewise/text.js";

const WAIT = 300; // milliseconds without another answer until more is asked about it

export class Subject {
  /**
   * @param {(id: string, button: HTMLElement) => void} open shows a sample
   * @param {HTMLElement} note what was done with it
   * @param {{ relabel: (one: ProjectClass) => unknown, remove: () => unknown, leave: () => void,
   *   can: (id: string) => boolean }} mend the sample that is shown, if that can be; or leave it
   */
  constructor(open, note, mend) {
    this.open = open;
    this.mend = mend;
    /** What is asked about, as it is. @type {Question | null} */
    this.question = null;
    /** What was asked last here. @type {Question | null} */
    this.asked = null;
    /** The file that is asked about, if it is no sample. @type {File | null} */
    this.asFile = null;
    /** The label of a sample; empty for one's own. */
    this.label = "";
    /** @type {Record<string, number>} */
    this.changes = {};
    this.timer = 0;
    this.pad = new Pad(() => {
      if (this.pad.strokes.length)
        this.aboutOwn({ strokes: this.pad.strokes, width: this.pad.width });
    });
    this.drawing = element("div", { class: "draw-tools" }, this.pad.surface, this.pad.tools);
    this.text = element("textarea", { rows: 4, "aria-label": words.typeHere });
    this.text.addEventListener("input", () => {
      if (this.text.value.trim()) this.aboutOwn({ text: this.text.value });
    });
    this.sound = element("audio", { controls: true, "aria-label": words.playIt, hidden: true });
    this.seen = seenInput();
    this.answer = element("div", { class: "says subject-answer" });
    this.near = element("div", { class: "neighbors" });
    this.tricks = element("div");
    this.record = recordButton((file) => this.file(file));
    this.inside = element("a", { href: "#/look", text: words.lookInside });
    this.causes = causesBox(open);
    this.causes.element.hidden = true; // until there is an answer
    this.whyTitle = element("summary", { text: words.why });
    this.why = element("details", { class: "subject-why", hidden: true }, this.whyTitle);
    this.keep = new Keep(
      {
        kept: (id) => this.open(id, this.keep.row),
        again: ({ question, file }) => this.again(question, file),
      },
      mend,
    );
    this.hint = element("p", { class: "note" });
    this.element = namedSection(
      "subject",
      words.one,
      [this.record, this.fileButton(), this.inside],
      this.hint,
      element("div", { class: "subject-input" }, this.drawing, this.text, this.sound),
      this.answer,
      this.keep.element,
      note,
      this.why,
      this.near,
      this.tricks,
      this.causes.element,
    );
    this.dropFiles();
    watch(["project", "way"], () => this.showKind());
    watch(["walk"], () => this.answered());
    watch(["place"], () => this.opened());
  }

  showKind() {
    const kind = kindNow();
    this.drawing.hidden = kind !== "pictures";
    this.text.hidden = kind !== "texts";
    this.record.hidden = kind !== "sounds";
    const hints = { pictures: words.dropHere, sounds: words.dropSound, texts: words.typing };
    this.hint.textContent = hints[kind];
  }

  fileButton() {
    const input = element("input", { type: "file", hidden: true, "aria-label": words.file });
    input.addEventListener("change", () => {
      if (input.files?.[0]) this.file(input.files[0]);
      input.value = "";
    });
    const button = { type: "button", text: words.file, onclick: () => input.click() };
    return element("span", { class: "file-choice" }, input, element("button", button));
  }

  dropFiles() {
    const box = this.element;
    box.addEventListener("dragover", (event) => {
      event.preventDefault();
      box.classList.add("over");
    });
    box.addEventListener("dragleave", () => box.classList.remove("over"));
    box.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      box.classList.remove("over");
      if (event.dataTransfer?.files[0]) this.file(event.dataTransfer.files[0]);
    });
  }

  /** Ask about a file of this computer, which is not saved. @param {File} file */
  async file(file) {
    try {
      const { upload } = await ask("POST", `/api/uploads?name=${part(file.name)}`, file);
      this.aboutOwn({ upload }, file);
    } catch (error) {
      if (error instanceof Refused) update({ problem: error.message });
      return;
    }
    await this.showFile(file);
  }

  /** Show a file: its picture, its text, or its sound. @param {File} file */
  async showFile(file) {
    if (kindNow() === "texts") this.text.value = await file.text();
    this.play(file);
    const url = URL.createObjectURL(file);
    this.pad.show((shown) => {
      shown.classList.remove("drawn");
      shown.style.backgroundImage = `url("${url}")`;
    });
  }

  /**
   * Ask about what is no sample.
   * @param {Question} question
   * @param {File | null} [file]
   */
  aboutOwn(question, file = null) {
    this.mend.leave();
    this.asFile = file;
    this.about(question, "");
  }

  /**
   * Ask again what was kept as a sample, which is undone.
   * @param {Question} question
   * @param {File | null} file
   */
  async again(question, file) {
    const { strokes, width = this.pad.width, text } = question;
    if (strokes) return this.pad.restore({ strokes, width }); // it asks
    if (file) return this.file(file);
    this.text.value = text ?? "";
    return this.aboutOwn(question);
  }

  /** Whether what is shown is no sample. */
  get isOwn() {
    return Boolean(this.question && !this.question.sample);
  }

  /** The label of the sample that is shown, if it can be mended. */
  get mendable() {
    const { sample } = this.question ?? {};
    return sample && this.mend.can(sample) ? this.label : "";
  }

  /**
   * Ask about a sample.
   * @param {string} id
   * @param {string} [label]
   */
  sample(id, label = "") {
    this.about({ sample: id }, label);
    this.reveal();
    return this.show(id);
  }

  /** Where the lists are below it, scroll back to it. */
  reveal() {
    const { top, bottom } = this.element.getBoundingClientRect();
    if (getComputedStyle(this.element).position === "static" && (top < 0 || bottom > innerHeight))
      this.element.scrollIntoView({ block: "start" });
  }

  /**
   * A sample has another id now, or is gone.
   * @param {string} id
   * @param {string | null} now
   * @param {string} label that it has now
   */
  renamed(id, now, label) {
    if (this.question?.sample !== id) return;
    this.keep.hide();
    if (now) this.about({ sample: now }, label);
    else askAbout(null);
  }

  /** Show a sample: its picture, its text, or its sound. @param {string} id */
  async show(id) {
    const kind = state.project?.kind;
    if (kind === "pictures") this.pad.show((shown) => showPicture(shown, id));
    else {
      const content = await request("POST", "/api/content", { id });
      const blob = await content.blob();
      if (kind === "texts") this.text.value = await blob.text();
      else this.play(blob);
    }
  }

  /** @param {Blob} blob */
  play(blob) {
    this.sound.hidden = state.project?.kind !== "sounds";
    if (!this.sound.hidden) this.sound.src = URL.createObjectURL(blob);
  }

  /**
   * @param {Question} question
   * @param {string} label
   */
  about(question, label) {
    this.question = question;
    this.label = label;
    this.changes = {};
    this.tricks.classList.add("old");
    this.asked = question;
    askAbout(question);
  }

  /** Take over what was asked in another place. @param {Question} question */
  adopt(question) {
    this.question = this.asked = question;
    this.label = "";
    this.changes = {};
    this.mend.leave();
    this.asFile = null;
    const { sample, strokes, text } = question;
    if (sample) this.show(sample);
    else if (text) this.text.value = text;
    else if (strokes) {
      this.pad.take();
      this.pad.image.hidden = true;
      this.pad.strokes = strokes;
      this.pad.paint();
    }
  }

  /** What was asked in another place is shown here, too. */
  opened() {
    if (state.place !== "try") {
      this.answer.replaceChildren();
      if (Object.keys(this.changes).length && this.question) this.about(this.question, this.label);
      return;
    }
    this.pad.paint();
    this.answered();
  }

  /** Show the answer; ask more about it when nothing else is asked for a moment. */
  answered() {
    const { walk, question } = state;
    if (!walk || state.place !== "try" || !question) return;
    if (question !== this.asked) this.adopt(question);
    this.inside.href = question.sample
      ? `#/look?on=${encodeURIComponent(question.sample)}`
      : "#/look";
    const head = element("div", { class: "seen-box" }, this.seen.canvas);
    this.seen.canvas.setAttribute("aria-label", words.seen);
    this.seen.show(walk);
    const label = this.label ? element("p", { text: words.labelled(this.label) }) : null;
    this.answer.replaceChildren(head, element("div", {}, ...verdict(walk), label ?? ""));
    if (Object.keys(this.changes).length) return;
    if (this.question) this.keep.offer(this.question, this.asFile, this.mendable);
    this.causes.element.hidden = this.why.hidden = isUntaught(walk);
    const lookInside = () => this.inside.click();
    this.why.replaceChildren(this.whyTitle, ...why(walk, lookInside));
    this.causes.about(walk, this.label);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.more(walk), WAIT);
  }

  /** @param {Walk} walk */
  async more(walk) {
    const { walk: number, classes } = /** @type {AnswerData} */ (walk.data);
    const values = { walk: number };
    const near = await ask("POST", "/api/nearest", values).catch(() => null);
    const changed = await ask("POST", "/api/curves", values).catch(() => ({ curves: [] }));
    if (/** @type {AnswerData | undefined} */ (state.walk?.data)?.walk !== number) return;
    this.near.replaceChildren(...(near ? this.neighbors(near) : []));
    const section = robustnessSection({ robustness: changed.curves, classes }, (curve, index) =>
      this.change(curve, index),
    );
    this.tricks.classList.remove("old");
    this.tricks.replaceChildren(...(section ? [section] : []));
  }

  /** @param {{ compared: number, nearest: { id: string, label: string, distance: number }[][] }} found */
  neighbors({ compared, nearest }) {
    const title = element("h3", {}, `${words.nearest} `);
    title.append(element("span", { class: "sub", text: words.nearestOf(compared) }));
    const figures = nearest[0].map(({ id, label, distance }) =>
      element(
        "figure",
        { class: "match" },
        tile(id, 48, this.open),
        element("figcaption", { text: words.near(label, number(distance, 3)) }),
      ),
    );
    return [title, ...figures];
  }

  /**
   * Answer as if the input were changed.
   * @param {RobustnessCurve} curve
   * @param {number} index
   */
  change({ perturbation, unchanged_index: middle }, index) {
    const { [perturbation]: _, ...others } = this.changes;
    this.changes = index === middle ? others : { ...others, [perturbation]: index };
    if (!this.question) return;
    this.asked = { ...this.question, changes: this.changes };
    askAbout(this.asked);
  }
}
