/** What a person asks about: a drawing, a text, or a sound of this computer. */

import { setView } from "app/address.js";
import { ask, part, Refused, request } from "app/ask.js";
import { showPicture } from "app/atlas.js";
import { askAbout } from "app/live.js";
import { state, update, watch } from "app/store.js";
import { words } from "app/words/en.js";
import { lookWords } from "app/words/look.js";
import { element } from "piecewise/text.js";

export class Inputs {
  /** @param {import("app/pad.js").Pad} pad */
  constructor(pad) {
    this.pad = pad;
    this.types = false; // in a project without samples: types rather than draws
    /** The sound that was chosen, until it is saved. @type {File | null} */
    this.file = null;
    this.text = element("textarea", { rows: 5, "aria-label": words.typeHere });
    this.text.addEventListener("input", () => {
      setView({ on: null }, false);
      if (this.text.value.trim()) askAbout({ text: this.text.value });
    });
    this.sound = this.soundBox();
    this.drawing = element("div", { class: "draw-tools" }, pad.surface, pad.tools);
    this.modes = [words.draw, words.type].map((text, i) =>
      element("button", { type: "button", text, onclick: () => this.choose(i === 1) }),
    );
    this.choice = element(
      "div",
      { class: "stages", role: "group", "aria-label": lookWords.how },
      ...this.modes,
    );
    this.writing = element("div", { class: "text-field" }, this.text);
    this.element = element("div", {}, this.choice, this.drawing, this.writing, this.sound.box);
    this.hint = element("p", { class: "note" });
    watch(["project"], () => this.show());
  }

  /** The kind of what is asked about. @returns {Kind} */
  get kind() {
    if (!state.project || state.project.is_empty) return this.types ? "texts" : "pictures";
    return state.project.kind;
  }

  /** @param {boolean} types */
  choose(types) {
    this.types = types;
    this.show();
  }

  show() {
    this.choice.hidden = state.project?.is_empty === false;
    this.modes.forEach((one, i) =>
      one.setAttribute("aria-pressed", String(this.types === (i === 1))),
    );
    this.drawing.hidden = this.kind !== "pictures";
    this.writing.hidden = this.kind !== "texts";
    this.sound.box.hidden = this.kind !== "sounds";
    if (this.kind === "sounds") this.offerToRecord();
    const classes = state.project?.classes ?? [];
    this.hint.hidden = classes.length > 1 || this.kind === "sounds";
    this.hint.textContent = this.kind === "texts" ? lookWords.firstText : words.first;
  }

  soundBox() {
    const picture = element("span", { class: "waveform" });
    const player = element("audio", { controls: true, "aria-label": lookWords.playIt });
    const input = element("input", {
      type: "file",
      accept: "audio/*",
      hidden: true,
      "aria-label": lookWords.chooseSound,
    });
    const button = element("button", {
      type: "button",
      text: lookWords.chooseSound,
      onclick: () => input.click(),
    });
    input.addEventListener("change", () => {
      if (input.files?.[0]) this.hear(input.files[0]);
      input.value = "";
    });
    const row = element("p", { class: "row" }, button, input);
    const box = element("div", { class: "sound-field" }, picture, player, row);
    return { box, picture, player, row, records: false };
  }

  /** A button that records, as soon as there are sounds. */
  async offerToRecord() {
    if (this.sound.records) return;
    this.sound.records = true;
    const { recordButton } = await import("app/try/record.js");
    this.sound.row.prepend(recordButton((file) => this.hear(file)));
  }

  /** Ask about a sound of this computer. @param {File} file */
  async hear(file) {
    try {
      const { upload } = await ask("POST", `/api/uploads?name=${part(file.name)}`, file);
      this.file = file;
      this.sound.picture.style.backgroundImage = "";
      this.sound.player.src = URL.createObjectURL(file);
      setView({ on: null }, false);
      askAbout({ upload });
    } catch (error) {
      if (error instanceof Refused) update({ problem: error.message });
    }
  }

  /** Show a sample: its picture, its text, or its sound. @param {string} id */
  async lookAt(id) {
    const kind = state.project?.kind;
    if (kind === "pictures" || !kind) {
      this.pad.show((target) => showPicture(target, id).catch(() => {})); // the answer says it
      return;
    }
    const response = await request("POST", "/api/content", { id }).catch(() => null);
    if (!response) return;
    if (kind === "texts") this.text.value = await response.text();
    else {
      this.file = null;
      this.sound.player.src = URL.createObjectURL(await response.blob());
      showPicture(this.sound.picture, id).catch(() => {});
    }
  }

  /** What can be saved, which is taken: strokes, a text or a file. */
  take() {
    const { file } = this;
    const strokes = this.pad.take();
    const text = this.kind === "texts" ? this.text.value.trim() : "";
    if (text) this.text.value = "";
    this.file = null;
    return { strokes: this.kind === "pictures" ? strokes : [], text, file };
  }
}
