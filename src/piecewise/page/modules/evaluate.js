/** The page of a data set's answers, mistakes first. */

import { factsSection, pageOf, pageData } from "piecewise/frame.js";
import { confusionSection } from "piecewise/confusion.js";
import { errorSection } from "piecewise/errors.js";
import { mistakesSection } from "piecewise/mistakes.js";
import { unpackSheet } from "piecewise/examples.js";
import { element, percent } from "piecewise/text.js";

const TITLES = {
  mistakes: "mistakes",
  confusion: "all answers",
  errors: "errors",
  made: "how it was made",
};

/** @param {EvaluateData} data */
function headline({ name, scores, kind }) {
  const [low, high] = scores.accuracy_interval;
  return element(
    "section",
    { class: "answer", "aria-label": "The score" },
    element(
      "div",
      { class: "verdict" },
      element("p", { class: "kicker", text: name }),
      element("h1", { text: percent(scores.accuracy) }),
      element("p", { class: "sure", text: `of ${scores.n} ${kind} answered rightly` }),
      element("p", {
        class: "hint",
        text: `95 % interval ${percent(low)} to ${percent(high)}; macro-F1 ${scores.macro_f1.toFixed(4)}`,
      }),
    ),
  );
}

async function start() {
  /** @type {EvaluateData} */
  const data = pageData();
  await unpackSheet(data);
  const sections = [
    headline(data),
    mistakesSection(data),
    confusionSection(data),
    errorSection(data),
    factsSection(data.facts),
  ];
  pageOf(TITLES, sections, null);
}

start();
