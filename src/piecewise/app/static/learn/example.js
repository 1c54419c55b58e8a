/** A worked example whose steps disappear from the end backwards, stage by stage. */

import { numberTable } from "app/learn/pixels.js";
import { signed } from "app/learn/runs.js";
import { learnWords as words } from "app/words/learn.js";
import { element } from "piecewise/text.js";

/**
 * @param {(stage: number, number: number, answers: string[] | null) => Promise<Example | string>}
 *   send asks for a stage, or answers it; a text says what is wrong with an answer
 */
export function exampleSection(send) {
  const section = element("section", { class: "worked", "aria-label": words.example });
  /**
   * @param {number} stage
   * @param {number} number
   * @param {string[] | null} answers
   * @param {boolean} hasFocus
   */
  const show = async (stage, number, answers, hasFocus) => {
    const now = await send(stage, number, answers);
    if (typeof now === "string") {
      section.querySelector(".problem")?.replaceChildren(now);
      return;
    }
    section.replaceChildren(
      ...stageElements(now, (to, place, given) => show(to, place, given, true)),
    );
    /** @type {HTMLElement | null} */
    const target = hasFocus ? section.querySelector("input, .onward") : null;
    target?.focus();
  };
  show(0, 0, null, false).catch(() => section.remove()); // the strip says that the program is gone
  return section;
}

/**
 * @param {Example} example
 * @param {(stage: number, number: number, answers: string[] | null) => unknown} go
 */
function stageElements(example, go) {
  const { stage, number, is_right: isRight, is_shown: isShown } = example;
  const fields = example.steps.map(({ label, value }) => (value === null ? field(label) : null));
  const rows = example.steps.map((step, i) => row(step, fields[i]));
  const answer = (/** @type {Event} */ event) => {
    event.preventDefault();
    const given = fields.flatMap((one) => (one ? [one.value.trim()] : []));
    if (given.every(Boolean)) go(stage, number, given);
    else form.querySelector(".problem")?.replaceChildren(words.missing);
  };
  const form = element(
    "form",
    { novalidate: true, onsubmit: answer },
    element("p", { text: example.text }),
    element("table", { class: "steps", "aria-label": words.example }, ...rows),
    element("p", { class: "problem", role: "alert" }),
    element("p", { class: "said-stage", role: "status", text: verdict(example) }),
    isShown ? null : element("button", { text: words.answer }),
  );
  const planes = Object.entries(example.planes).map(([name, rows]) =>
    numberTable(rows, words.planes[name] ?? name),
  );
  return [
    element("h2", { text: words.stage(stage + 1, example.of) }),
    planes.length ? element("div", { class: "planes" }, ...planes) : "",
    form,
    isShown ? onward(example, isRight, go) : "",
  ];
}

/** @param {Example} example */
function verdict({ rights, answers, is_right: isRight, is_shown: isShown }) {
  if (!rights.length) return "";
  if (isRight) return words.allRight;
  const wrong = answers.filter((_, i) => !rights[i]).map(signed);
  return isShown ? words.stepsShown : words.stepsWrong(wrong);
}

/**
 * The next stage, or the same one with another place.
 * @param {Example} example
 * @param {boolean} isRight
 * @param {(stage: number, number: number, answers: null) => unknown} go
 */
function onward({ stage, of, number }, isRight, go) {
  const isLast = stage === of - 1;
  const again = () => go(stage, number + 1, null);
  const set = { type: "button", class: "onward" };
  return isRight && !isLast
    ? element("button", { ...set, text: words.nextStage, onclick: () => go(stage + 1, 0, null) })
    : element("button", { ...set, text: words.anotherPlace, onclick: again });
}

/** @param {string} label */
function field(label) {
  return element("input", { autocomplete: "off", maxlength: 20, "aria-label": label });
}

/**
 * @param {WorkedStep} step
 * @param {HTMLInputElement | null} input
 */
function row({ label, work, value }, input) {
  return element(
    "tr",
    {},
    element("th", { scope: "row", text: label }),
    element("td", { text: work && `${signed(work)} =` }),
    element("td", { class: "number" }, input ?? signed(value ?? "")),
  );
}
