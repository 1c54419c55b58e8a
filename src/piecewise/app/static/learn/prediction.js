/** A prediction: what the learner expects, before the result is shown. */

import { signed, texts } from "app/learn/runs.js";
import { learnWords as words } from "app/words/learn.js";
import { element } from "piecewise/text.js";

/**
 * The words of the choices; none if a number is typed.
 * @param {Prediction} predict
 */
export function choicesOf({ kind, limits, options }) {
  if (kind === "number") return [];
  return kind === "interval" ? words.intervals(limits.map(signed)) : options;
}

/**
 * @param {Prediction} predict
 * @param {(answer: string | null) => Promise<string>} commit sends the answer; what is wrong with it
 */
export function predictionForm(predict, commit) {
  const choices = choicesOf(predict);
  const field = element("input", {
    name: "prediction",
    inputmode: predict.is_integer ? "numeric" : "text",
    autocomplete: "off",
    maxlength: 20,
    "aria-label": words.yourNumber,
  });
  const problem = element("p", { class: "problem", role: "alert" });
  const radios = choices.map((text, i) =>
    element(
      "label",
      { class: "choice" },
      element("input", { type: "radio", name: "prediction", value: i }),
      element("span", { text }),
    ),
  );
  const form = element(
    "form",
    { class: "predict", novalidate: true },
    element(
      "fieldset",
      {},
      element("legend", { text: words.predict }),
      ...texts(predict.text),
      ...(choices.length ? radios : [field]),
    ),
    problem,
    element(
      "div",
      { class: "row" },
      element("button", { class: "primary", text: words.commit }),
      element("button", {
        type: "button",
        class: "plain",
        text: words.dontKnow,
        onclick: () => send(null),
      }),
    ),
  );
  /** @param {string | null} answer */
  const send = async (answer) => {
    problem.textContent = answer === "" ? words.missing : await commit(answer);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(String(new FormData(form).get("prediction") ?? ""));
  });
  return form;
}

/**
 * What the learner said, beside the result.
 * @param {Prediction} predict
 * @param {Committed} committed
 */
export function outcomeWords(predict, { answer, outcome }) {
  const choices = choicesOf(predict);
  const isName = outcome.run.name !== undefined;
  const value = outcome.run.name ?? signed(outcome.run.number ?? "");
  const said = answer === null ? null : (choices[Number(answer)] ?? signed(answer));
  return words.outcome(said, value, isName || !choices.length ? "" : choices[outcome.index]);
}
