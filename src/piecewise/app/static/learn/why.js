/** The question for the reason: one of several to choose, and room for own words. */

import { signed } from "app/learn/runs.js";
import { learnWords as words } from "app/words/learn.js";
import { element } from "piecewise/text.js";

/**
 * @param {Why} why
 * @param {(choice: number, words: string) => Promise<Why>} choose
 */
export function whySection(why, choose) {
  const said = element("p", { class: "said-why", role: "status" });
  const field = element("textarea", { rows: 2, maxlength: 1000, "aria-label": words.ownWords });
  field.value = why.words;
  const radios = why.reasons.map((text, i) => {
    const box = element("input", { type: "radio", name: "reason", value: i });
    box.checked = why.chosen === i;
    return element("label", { class: "choice" }, box, element("span", { text }));
  });
  const form = element(
    "form",
    {},
    element("fieldset", {}, element("legend", { text: words.why }), ...radios),
    element("label", { class: "own-words" }, element("span", { text: words.ownWords }), field),
    element("div", { class: "row" }, element("button", { text: words.choose }), said),
  );
  /** @param {Why} now */
  const show = ({ is_right, why_not: whyNot }) => {
    const wrong = words.wrongReason(signed(whyNot));
    said.textContent = is_right === null ? "" : is_right ? words.rightReason : wrong;
    said.dataset.right = String(is_right);
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const choice = new FormData(form).get("reason");
    if (choice === null) said.textContent = words.missing;
    else show(await choose(Number(choice), field.value));
  });
  show(why);
  return element("section", { class: "why" }, form);
}
