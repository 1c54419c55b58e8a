/** What the net says: the class, and how sure it is of each. */

import { unmuteAll } from "app/chosen.js";
import { currentAttempt, kindNow, state, watch } from "app/store.js";
import { answerWords } from "app/words/answer.js";
import { words } from "app/words/en.js";
import { element, percent } from "piecewise/text.js";

const CLASSES_SHOWN = 10;

export function says() {
  const section = element("section", { class: "says", "aria-label": words.answer });
  const status = element("p", { class: "status", role: "status" });
  const body = element("div", { class: "says-body" });
  section.append(body, status);
  let isLoading = false;
  watch(["walk", "attempts", "project", "muted", "way"], () => {
    const { walk } = state;
    const none = element("p", { class: "note", text: answerWords.noAnswer[kindNow()] });
    body.replaceChildren(...(walk ? verdict(walk) : [none]));
    if (walk) loadReasons();
  });
  /** Why it says so: loaded with the first answer. */
  async function loadReasons() {
    if (isLoading) return;
    isLoading = true;
    try {
      const { reasons } = await import("app/reasons.js");
      body.after(reasons());
    } catch {
      isLoading = false; // the program has stopped; the next answer tries again
    }
  }
  /** Say the answer to a screen reader: after the pen is up, not while it draws. */
  const speak = () => {
    const { walk } = state;
    if (walk && !isUntaught(walk)) status.textContent = words.spokenAnswer(...answerOf(walk));
  };
  return { section, speak };
}

/** Whether the net of a walk has learned nothing. @param {Walk} walk */
export function isUntaught({ data }) {
  return /** @type {AnswerData} */ (data).untaught === true;
}

/**
 * The class that a walk ends in, and its probability.
 * @param {Walk} walk
 * @returns {[string, string]}
 */
function answerOf({ data }) {
  return [data.classes[data.predicted], percent(data.probabilities[data.predicted])];
}

/** The probability below which the net does not know. */
function doubt() {
  return currentAttempt()?.score?.doubt ?? null;
}

/** @param {Walk} walk */
export function verdict(walk) {
  const { data } = walk;
  if (isUntaught(walk))
    return [
      element("p", { class: "kicker", text: answerWords.untaught }),
      element("p", { class: "note", text: answerWords.untaughtMeans }),
    ];
  const [label, sure] = answerOf(walk);
  const heading = element("h2", { class: "says-label" }, element("bdi", { text: label }));
  heading.style.setProperty("--letters", String(label.length)); // they fit the width
  const order = [...data.order].slice(0, CLASSES_SHOWN).sort((a, b) => a - b);
  const known = doubt();
  const isUnknown = known !== null && data.probabilities[data.predicted] < known.threshold;
  const kicker = element(
    "p",
    { class: "kicker" },
    isUnknown ? answerWords.doesNotKnow : words.itSays,
    element("span", { class: "before-change", text: ` ${words.beforeChange}` }),
  );
  const answer = element(
    "div",
    { class: isUnknown ? "says-verdict unknown" : "says-verdict" },
    heading,
    element("span", { class: "sure" }, element("b", { text: sure }), ` ${words.sure}`),
  );
  return [
    element("div", { class: "says-head" }, kicker, answer),
    element("div", { class: "says-bars" }, ...order.map((index) => bar(data, index, known))),
    element("div", { class: "says-notes" }, ...notes(data, known)),
  ];
}

/**
 * @param {ExplainData} data
 * @param {NonNullable<Score["doubt"]> | null} known
 */
function notes(data, known) {
  const found = [];
  if (data.warning) found.push(element("p", { class: "note", text: words.doubtful(data.warning) }));
  if (state.muted.length)
    found.push(
      element(
        "p",
        { class: "note muted-note" },
        `${answerWords.muted(state.muted.length)} `,
        element("button", {
          type: "button",
          class: "link",
          text: answerWords.unmuteAll,
          onclick: unmuteAll,
        }),
      ),
    );
  if (known) {
    const text = answerWords.doubtBelow(percent(known.threshold), known.coverage, kindNow());
    found.push(element("p", { class: "note doubt-note", text }));
  }
  return found;
}

/**
 * @param {ExplainData} data
 * @param {number} index
 * @param {NonNullable<Score["doubt"]> | null} known
 */
export function bar(data, index, known) {
  const filled = element("i");
  filled.style.width = `${Math.max(0.6, 100 * data.probabilities[index])}%`;
  const line = known ? element("u") : null;
  if (known && line) line.style.insetInlineStart = `${100 * known.threshold}%`;
  return element(
    "div",
    { class: "bar-row" },
    element("b", {}, element("bdi", { text: data.classes[index] })),
    element("span", { class: "says-track", "aria-hidden": "true" }, filled, line),
    element("span", { class: "value", text: percent(data.probabilities[index]) }),
  );
}
