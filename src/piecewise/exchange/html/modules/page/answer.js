/** The answer: the most probable class, the probabilities as bars, and what makes it doubtful. */

import { byId, element, percent, readable } from "./elements.js";
import { preparedInput } from "./prepared.js";

const SHOWN = 10; // classes
const SHORT = 12; // characters of a name that fits beside its bar on a phone

/** @type {{ answer: Answer, text: string } | null} */
let last = null;

/**
 * Show an answer.
 * @param {Answer} answer
 * @param {string} text that was read, if it was one
 */
export function showAnswer(answer, text = "") {
  last = { answer, text };
  byId("problem").textContent = "";
  showVerdict(answer);
  const { warning, notes } = answer;
  const lines = [...(warning ? [`A doubtful answer: ${warning}.`] : []), ...notes];
  byId("notes").replaceChildren(...lines.map((line) => element("p", { text: line })));
  byId("bars").replaceChildren(bars(answer.probabilities));
  byId("prepared").replaceChildren(preparedInput(answer, text));
}

/** Back to the page as it was at first. */
export function clearAnswer() {
  last = null;
  for (const id of ["problem", "notes", "bars", "prepared"]) byId(id).replaceChildren();
  const empty = element("p", { class: "quiet", text: "Nothing to classify yet." });
  byId("verdict").replaceChildren(empty);
}

/** @param {string} message */
export function showProblem(message) {
  clearAnswer();
  byId("problem").textContent = message;
}

/** @param {Answer} answer */
function showVerdict({ probabilities }) {
  const best = bestOf(probabilities);
  const isSure = probabilities[best] >= threshold();
  byId("verdict").replaceChildren(
    element("p", { class: "winner", dir: "auto", text: isSure ? nameOf(best) : "don\u2019t know" }),
    element("p", {
      class: "quiet",
      text: isSure
        ? `probability ${percent(probabilities[best])}`
        : `the most probable class has only ${percent(probabilities[best])}`,
    }),
  );
}

/** @param {number} index */
export function nameOf(index) {
  return readable(piecewise.data.classes[index]);
}

/** @param {number[]} probabilities */
export function bestOf(probabilities) {
  return probabilities.indexOf(Math.max(...probabilities));
}

/** @param {number[]} probabilities */
function bars(probabilities) {
  const order = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  const shown = order.slice(0, SHOWN);
  const longest = Math.max(...shown.map((index) => nameOf(index).length));
  const rows = shown.map((index, place) => {
    const filled = element("span", { class: "filled" });
    filled.style.width = `${100 * probabilities[index]}%`;
    const name = element("th", { scope: "row", dir: "auto", text: nameOf(index) });
    name.style.width = longest > SHORT ? "38%" : `${longest + 3}ch`;
    return element(
      "tr",
      { class: place ? null : "first" },
      name,
      element("td", {}, element("div", { class: "track" }, filled)),
      element("td", { class: "number", text: percent(probabilities[index]) }),
    );
  });
  const rest = order.slice(SHOWN).reduce((sum, index) => sum + probabilities[index], 0);
  return element(
    "div",
    {},
    element(
      "table",
      {},
      element("caption", { text: "Probability of each class" }),
      element("tbody", {}, ...rows),
    ),
    order.length > SHOWN
      ? element("p", {
          class: "quiet",
          text: `The other ${order.length - SHOWN} classes together: ${percent(rest)}`,
        })
      : null,
  );
}

/** The choice of a threshold, if the net was calibrated with some. */
export function thresholdChoice() {
  const { thresholds } = piecewise.data;
  if (!thresholds.length) return;
  const shown = thresholds.map(({ probability }) => percent(probability));
  const different = thresholds.filter((_, i) => shown.indexOf(shown[i]) === i);
  const options = different.map(({ probability, accuracy, coverage }) =>
    element("option", {
      value: probability,
      text:
        `from ${percent(probability)} on: ` +
        `${percent(coverage)} answered, ${percent(accuracy)} of them right`,
    }),
  );
  const select = element(
    "select",
    {
      id: "threshold",
      onchange: () => {
        if (last) showVerdict(last.answer);
      },
    },
    element("option", { value: 0, text: "always" }),
    ...options,
  );
  byId("choice").append(element("label", { for: "threshold", text: "Give an answer" }), select);
}

/** The smallest probability of an answer that is not "don't know". */
export function threshold() {
  const select = document.getElementById("threshold");
  return select instanceof HTMLSelectElement ? Number(select.value) : 0;
}
