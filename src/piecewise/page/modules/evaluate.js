/** The report about the predictions for a data set: the score, then the mistakes. */

import { factsSection, renderPage, pageData } from "piecewise/frame.js";
import { confusionSection } from "piecewise/confusion.js";
import { errorTableSection } from "piecewise/error_table.js";
import { mistakesSection } from "piecewise/mistakes.js";
import { loadSheet } from "piecewise/examples.js";
import { trialsSection } from "piecewise/trials.js";
import { element, percent, separated } from "piecewise/text.js";

const TITLES = {
  mistakes: "mistakes",
  confusion: "confusion matrix",
  errors: "errors",
  trials: "trials",
  net: "the net",
};

/** @param {EvaluateData} data */
function headline({ name, scores, kind, notes, training_scores: trained }) {
  const [low, high] = scores.accuracy_interval;
  const then = trained.map(([split, text]) => `${split} ${text}`).join("; ");
  return element(
    "section",
    { class: "answer", "aria-label": "The score" },
    element(
      "div",
      { class: "verdict" },
      element("p", { class: "kicker", text: name }),
      element("h1", { text: percent(scores.accuracy) }),
      element("p", {
        class: "confidence",
        text: `of ${separated(scores.n)} ${kind} are predicted correctly`,
      }),
      element("p", {
        class: "hint",
        text: `95 % interval ${percent(low)} to ${percent(high)}; macro-F1 ${scores.macro_f1.toFixed(4)}`,
      }),
      ...notes.map((text) => element("p", { class: "hint", text })),
      trained.length ? element("p", { class: "hint", text: `When it was trained: ${then}` }) : null,
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
    trialsSection(data.trials),
    factsSection(data.facts),
  ];
  renderPage(TITLES, sections, null);
}

start();
