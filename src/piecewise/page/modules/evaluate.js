/** The report about the predictions for a data set: the score, then the mistakes. */

import { factsSection, renderPage, pageData } from "piecewise/frame.js";
import { confusionSection } from "piecewise/confusion.js";
import { errorTableSection } from "piecewise/error_table.js";
import { mistakesSection } from "piecewise/mistakes.js";
import { loadSheet } from "piecewise/examples.js";
import { element, percent } from "piecewise/text.js";

const TITLES = {
  mistakes: "mistakes",
  confusion: "confusion matrix",
  errors: "errors",
  net: "the net",
};

/** @param {EvaluateData} data */
function headline({ name, scores, kind, notes }) {
  const [low, high] = scores.accuracy_interval;
  return element(
    "section",
    { class: "answer", "aria-label": "The score" },
    element(
      "div",
      { class: "verdict" },
      element("p", { class: "kicker", text: name }),
      element("h1", { text: percent(scores.accuracy) }),
      element("p", { class: "confidence", text: `of ${scores.n} ${kind} are predicted correctly` }),
      element("p", {
        class: "hint",
        text: `95 % interval ${percent(low)} to ${percent(high)}; macro-F1 ${scores.macro_f1.toFixed(4)}`,
      }),
      ...notes.map((text) => element("p", { class: "hint", text })),
    ),
  );
}

async function start() {
  /** @type {EvaluateData} */
  const data = pageData();
  await loadSheet(data);
  const sections = [
    headline(data),
    mistakesSection(data),
    confusionSection(data),
    errorTableSection(data),
    factsSection(data.facts),
  ];
  renderPage(TITLES, sections, null);
}

start();
