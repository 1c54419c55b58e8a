/**
 * Swapped seats: the drawings of a partner, what the small net names them, how sure it is of its
 * mistakes, two repairs, and three sentences to hand in. Each step follows a prediction.
 */

import { ask, part, Refused } from "app/ask.js";
import { listenToFile } from "app/learn/file_drop.js";
import { predictionForm } from "app/learn/prediction.js";
import { tinyPicture } from "app/learn/tiny_picture.js";
import { swapWords as words } from "app/words/swap.js";
import { element } from "piecewise/text.js";

/**
 * @param {Overview | null} overview
 * @param {() => Promise<unknown>} reload opens the lesson again, since it has another partner
 */
export function swapPart(overview, reload) {
  return new SwapPart(overview, reload).element;
}

class SwapPart {
  /**
   * @param {Overview | null} overview
   * @param {() => Promise<unknown>} reload
   */
  constructor(overview, reload) {
    this.overview = overview;
    this.reload = reload;
    this.body = element("div");
    this.problem = element("p", { class: "problem", role: "alert" });
    this.element = element(
      "section",
      { class: "part swap", "aria-label": words.title },
      element("h2", { text: words.title }),
      this.problem,
      this.body,
    );
    listenToFile(this.element, words.dropNow, (file) => this.bring(file));
    this.ask("GET", "/api/swap", undefined, "");
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {object | undefined} body
   * @param {string} focus what gets the focus then
   */
  async ask(method, path, body, focus) {
    try {
      /** @type {Swap} */
      const swap = await ask(method, path, body);
      this.problem.textContent = "";
      this.body.replaceChildren(...this.steps(swap));
      /** @type {HTMLElement | null} */
      const target = focus ? this.body.querySelector(focus) : null;
      target?.focus();
    } catch (error) {
      if (error instanceof Refused) this.problem.textContent = error.message;
    }
  }

  /** Take a file as the partner's. @param {File} file */
  async bring(file) {
    this.problem.textContent = words.asking;
    await this.change("POST", `/api/swap/partner?name=${part(file.name)}`, file);
  }

  /**
   * Have another partner.
   * @param {string} method
   * @param {string} path
   * @param {Blob} [body]
   */
  async change(method, path, body) {
    try {
      await ask(method, path, body);
      await this.reload();
    } catch (error) {
      this.problem.textContent = error instanceof Refused ? error.message : "";
    }
  }

  /** @param {Swap} swap */
  steps(swap) {
    return [
      ...this.partnerElements(swap),
      element("h3", { text: words.asked }),
      this.drawings(swap),
      ...(swap.names ? this.surenessElements(swap) : []),
      ...(swap.answers ? this.repairElements(swap) : []),
      ...(swap.repairs ? [this.report(swap)] : []),
    ];
  }

  /** @param {Swap} swap */
  partnerElements({ partner, names, may_bring: mayBring }) {
    const { name, origin, words: count, unknown_words: unknown, chosen_wrong: wrong } = partner;
    const sentences = [words.partner(name, origin), wrong ? words.chosenWrong(wrong) : ""];
    const said = element("p", { class: "facts", text: sentences.join(" ").trim() });
    if (!mayBring) return [said, element("p", { class: "sub", text: words.mayNot })];
    const input = element("input", {
      type: "file",
      accept: ".zip",
      hidden: true,
      "aria-label": words.open,
    });
    input.addEventListener("change", () => {
      if (input.files?.[0]) this.bring(input.files[0]);
      input.value = "";
    });
    const open = { type: "button", text: words.open, onclick: () => input.click() };
    const leave = {
      type: "button",
      class: "plain",
      text: words.leave,
      onclick: () => this.change("DELETE", "/api/swap/partner"),
    };
    return [
      said,
      ...(unknown
        ? [element("p", { class: "facts", text: words.unknownWords(unknown, count) })]
        : []),
      element(
        "div",
        { class: "row" },
        input,
        element("button", open),
        origin === "seat" ? element("button", leave) : null,
      ),
      ...(names ? [] : [words.how, words.draw]).map((text) => element("p", { class: "sub", text })),
    ];
  }

  /** The name of a class. @param {number} label */
  className(label) {
    return this.overview?.learner.classes[label] ?? "";
  }

  /** @param {Swap} swap */
  drawings({ drawings, names, answers }) {
    const items = drawings.map(({ pixels, label }, i) => {
      const name = this.className(label);
      const isRight = names?.[i] === label;
      const said = names && words.named(this.className(names[i]), isRight);
      return element(
        "li",
        { class: names && !isRight ? "wrong" : null },
        tinyPicture(pixels, words.drawing(i + 1, name)),
        element("span", { text: words.drawn(name) }),
        said ? element("b", { text: said }) : null,
        answers ? element("span", { text: words.sure(answers[i].probability) }) : null,
        answers?.[i].is_doubtful ? element("span", { text: words.doubtful }) : null,
      );
    });
    return element("ul", { class: "tiny-list" }, ...items);
  }

  /** How sure the net is of its mistakes. @param {Swap} swap */
  surenessElements(swap) {
    const { drawings, names, sure, sureness, answers } = swap;
    const wrong = drawings.flatMap(({ label }, i) => (names?.[i] === label ? [] : [i]));
    if (!wrong.length) return [element("p", { class: "facts", text: words.noMistake })];
    const heading = element("h3", { text: words.sureness });
    const text = words.surenessText(wrong.length, sure);
    if (!sureness || !answers)
      return [heading, this.predict("sureness", text, words.surenessChoices)];
    const items = wrong
      .sort((a, b) => answers[b].probability - answers[a].probability)
      .map((i) => this.mistake(swap, i));
    return [
      heading,
      element("p", { text }),
      outcome(sureness, words.surenessChoices, "said-sureness"),
      element("h3", { text: words.mistakes }),
      element("ul", { class: "mistake-list" }, ...items),
    ];
  }

  /**
   * A question to be answered before its result is shown.
   * @param {string} question
   * @param {string} text
   * @param {string[]} options
   */
  predict(question, text, options) {
    /** @type {Prediction} */
    const asked = { kind: "choice", text: [[{ text }]], limits: [], options, is_integer: false };
    return predictionForm(asked, async (answer) => {
      const values = { question, answer: answer === null ? null : Number(answer) };
      await this.ask("POST", "/api/swap", values, `.said-${question}`);
      return "";
    });
  }

  /** A mistake with the nearest own drawings. @param {Swap} swap @param {number} i */
  mistake({ drawings, answers }, i) {
    const { pixels, label } = drawings[i];
    const { predicted, probability, nearest } = /** @type {SwapAnswer[]} */ (answers)[i];
    const own = this.overview?.learner;
    const near = nearest.flatMap((at) => {
      const name = this.className(own?.labels[at] ?? 0);
      return own ? [tinyPicture(own.pixels[at], words.own(at + 1, name))] : [];
    });
    const said = words.mistake(this.className(label), this.className(predicted), probability);
    return element(
      "li",
      {},
      tinyPicture(pixels, words.drawing(i + 1, this.className(label))),
      element("span", { text: said }),
      element("span", { class: "sub", text: words.nearest }),
      element("span", { class: "near" }, ...near),
    );
  }

  /** @param {Swap} swap */
  repairElements({ partner, repair, repairs, drawings }) {
    const heading = element("h3", { text: words.repair });
    const text = words.repairText(partner.kept);
    if (!repair || !repairs) return [heading, this.predict("repair", text, words.repairChoices)];
    const head = words.repairHead.map((one) => element("th", { scope: "col", text: one }));
    const rows = repairs.map(({ name, asked, kept, has_met: hasMet }) =>
      element(
        "tr",
        {},
        element("th", { scope: "row", text: words.nets[name] }),
        element("td", {
          text: asked === null ? words.learned : words.ofAll(asked, drawings.length),
        }),
        element("td", { text: words.ofAll(kept, partner.kept) }),
        element("td", { text: words.hasMet(hasMet) }),
      ),
    );
    return [
      heading,
      element("p", { text }),
      outcome(repair, words.repairChoices, "said-repair"),
      element(
        "table",
        { class: "steps", "aria-label": words.repairs },
        element("thead", {}, element("tr", {}, ...head)),
        element("tbody", {}, ...rows),
      ),
      element("p", { class: "sub", text: words.repairNote }),
    ];
  }

  /** Three sentences that nobody checks. @param {Swap} swap */
  report({ report }) {
    const said = element("p", { role: "status" });
    const fields = words.sentences.map((text, i) => {
      const field = element("textarea", { rows: 2, maxlength: 1000, "aria-label": text });
      field.value = report[i];
      return field;
    });
    const labels = fields.map((field, i) =>
      element(
        "label",
        { class: "own-words" },
        element("span", { text: words.sentences[i] }),
        field,
      ),
    );
    const save = async (/** @type {Event} */ event) => {
      event.preventDefault();
      said.textContent = "";
      const sentences = fields.map((one) => one.value);
      try {
        await ask("POST", "/api/swap/report", { sentences });
        said.textContent = words.saved;
      } catch (error) {
        said.textContent = error instanceof Error ? error.message : "";
      }
    };
    return element(
      "form",
      { onsubmit: save },
      element("h3", { text: words.report }),
      ...labels,
      element("div", { class: "row" }, element("button", { text: words.save }), said),
    );
  }
}

/**
 * What was predicted, beside what it is.
 * @param {SwapPrediction} prediction
 * @param {string[]} choices
 * @param {string} name
 */
function outcome({ answer, right }, choices, name) {
  const said = answer === null ? null : choices[answer];
  const text = words.outcome(said, choices[right]);
  return element("p", { class: `facts ${name}`, tabindex: "-1", text });
}
