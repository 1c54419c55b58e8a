/** A check: a question about the learner's own net, with hints, and its solution after some tries. */

import { pixelTable } from "app/learn/pixels.js";
import { signed } from "app/learn/runs.js";
import { learnWords as words } from "app/words/learn.js";
import { element } from "piecewise/text.js";

/**
 * @param {Check} check
 * @param {string} title
 * @param {(number: number, answer: string | null) => Promise<Check | string>} send asks for a
 *   question, or answers it; a text says what is wrong with an answer
 * @param {(drawing: number) => Pixels | undefined} drawingOf
 */
export function checkSection(check, title, send, drawingOf) {
  const section = element("section", { class: "check" });
  /**
   * @param {Check} now
   * @param {boolean} hasFocus
   */
  const show = (now, hasFocus) => {
    const parts = now.question ? asked(now, answer, next) : [element("p", { text: words.noCheck })];
    const pixels = typeof now.drawing === "number" ? drawingOf(now.drawing) : undefined;
    const picture = pixels && pixelTable(pixels, words.drawingAsked);
    section.replaceChildren(
      element("h2", { text: title }),
      ...(picture ? [picture] : []),
      ...parts,
    );
    /** @type {HTMLElement | null} */
    const target = hasFocus ? section.querySelector("input, .again") : null;
    target?.focus();
  };
  /** @param {number} number @param {string} text */
  const answer = async (number, text) => {
    const now = await send(number, text);
    if (typeof now !== "string") show(now, true);
    else section.querySelectorAll(".problem").forEach((one) => one.replaceChildren(now));
  };
  /** @param {number} number */
  const next = async (number) => {
    const now = await send(number, null);
    if (typeof now !== "string") show(now, true);
  };
  show(check, false);
  return section;
}

/**
 * @param {Check} check
 * @param {(number: number, text: string) => unknown} answer
 * @param {(number: number) => unknown} next
 */
function asked(check, answer, next) {
  const field = element("input", {
    inputmode: "text",
    autocomplete: "off",
    maxlength: 20,
    "aria-label": words.yourAnswer,
  });
  const problem = element("p", { class: "problem", role: "alert" });
  const form = element(
    "form",
    { class: "row", novalidate: true },
    field,
    element("button", { text: words.answer }),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim()) answer(check.number, field.value.trim());
    else problem.textContent = words.missing;
  });
  const exact = check.tolerance < 0.001;
  return [
    element("p", { text: check.question }),
    check.is_generated ? element("p", { class: "sub", text: words.generatedCheck }) : "",
    triesList(check),
    check.is_solved ? solution(check) : form,
    check.is_solved || exact
      ? ""
      : element("p", { class: "sub", text: words.within(check.tolerance) }),
    problem,
    check.is_solved
      ? element("button", {
          type: "button",
          class: "again",
          text: words.another,
          onclick: () => next(check.number + 1),
        })
      : "",
  ];
}

/** What was answered, with hints. @param {Check} check */
function triesList({ tries, is_solved: isSolved, is_right: isRight }) {
  const rows = tries.map(({ answer, is_right, hint }) =>
    element("li", { text: words.tried(signed(answer), is_right, hint) }),
  );
  const list = element("ol", { class: "tries" }, ...rows);
  if (isSolved && !isRight) list.append(element("li", { text: words.solvedForYou }));
  return element("div", { role: "status" }, list);
}

/** @param {Check} check */
function solution({ work = "", answer = "" }) {
  return element(
    "p",
    { class: "solution" },
    `${words.solution} `,
    element("span", { text: work }),
    work.includes(answer) ? "" : ` ${words.so(signed(answer))}`,
  );
}
