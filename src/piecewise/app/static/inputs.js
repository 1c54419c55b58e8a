/** What a person asks about: a drawing, a text, or a sound of this computer. */

import { setView } from "app/address.js";
import { ask, part, Refused, request } from "app/ask.js";
import { showPicture } from "app/atlas.js";
import { askAbout } from "app/live.js";
import { kindNow, state, update, watch } from "app/store.js";
import { answerWords } from "app/words/answer.js";
import { words } from "app/words/en.js";
import { element } from "piecewise/text.js";

export class Inputs {
  /** @param {import("app/pad.js").Pad} pad */
  constructor(pad) {
    this.pad = pad;
    /** The sound that was chosen, until it is saved. @type {File | null} */
    this.file = null;
    this.text = element("textarea", { rows: 5, "aria-label": words.typeHere });
    this.text.addEventListener("input", () => {
      setView({ on: null }, false);
      if (this.text.value.trim()) askAbout({ text: this.text.value });
    });
    this.sound = this.soundBox();
    this.drawing = element("div", { class: "draw-tools" }, pad.surface, pad.tools);
    /** In a project without samples, a person chooses what to add. */
    this.modes = Object.entries(answerWords.ways).map(([kind, text]) => {
      const choose = () => update({ way: /** @type {Kind} */ (kind) });
      return element("button", { type: "button", text, "data-kind": kind, onclick: choose });
    });
    this.choice = element(
      "div",
      { class: "stages", role: "group", "aria-label": answerWords.how },
      ...this.modes,
    );
    this.writing = element("div", { class: "text-field" }, this.text);
    this.element = element("div", {}, this.choice, this.drawing, this.writing, this.sound.box);
    this.hint = element("p", { class: "note" });
    watch(["project", "way"], () => this.show());
  }

  show() {
    const kind = kindNow();
    this.choice.hidden = state.project?.is_empty === false;
    for (const one of this.modes)
      one.setAttribute("aria-pressed", String(one.dataset.kind === kind));
    this.drawing.hidden = kind !== "pictures";
    this.writing.hidden = kind !== "texts";
    this.sound.box.hidden = kind !== "sounds";
    if (kind === "sounds") this.offerToRecord();
    this.hint.hidden = (state.project?.classes ?? []).length > 1;
    this.hint.textContent = answerWords.first[kind];
  }

  soundBox() {
    const picture = element("span", { class: "waveform" });
    const player = element("audio", { controls: true, "aria-label": answerWords.playIt });
    const input = element("input", {
      type: "file",
      accept: "audio/*",
      hidden: true,
      "aria-label": answerWords.chooseSound,
    });
    const button = element("button", {
      type: "button",
      text: answerWords.chooseSound,
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
    const kind = kindNow();
    const text = kind === "texts" ? this.text.value.trim() : "";
    if (text) this.text.value = "";
    this.file = null;
    return { strokes: kind === "pictures" ? strokes : [], text, file };
  }
}
