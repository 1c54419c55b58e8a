/** The list of the lessons, and whose drawings they show. */

import { state } from "app/store.js";
import { learnWords as words } from "app/words/learn.js";
import { element } from "piecewise/text.js";

/**
 * @param {Overview} overview
 * @param {string} open the lesson that is open
 * @param {() => unknown} renew takes the drawings and the net of now
 */
export function contents({ lessons, learner }, open, renew) {
  const items = lessons.map(({ lesson, question, minutes, is_begun: isBegun }) =>
    element(
      "li",
      { class: isBegun ? "begun" : null },
      element(
        "a",
        { href: `#/learn/${lesson}`, "aria-current": lesson === open ? "page" : null },
        question,
      ),
      element("span", { class: "sub", text: ` ${words.minutes(minutes)}` }),
      isBegun ? element("span", { class: "sub", text: ` ${words.begun}` }) : null,
    ),
  );
  const button = element("button", { type: "button", text: words.useNewer, onclick: renew });
  const names = learner.classes.join(", ");
  return [
    element("nav", { "aria-label": words.lessons }, element("ol", {}, ...items)),
    element(
      "p",
      { class: "sub learner" },
      learner.why_generated
        ? words.generated(learner.why_generated)
        : words.own(learner.drawings, names, state.project?.kind ?? "pictures"),
    ),
    learner.is_outdated ? element("p", { class: "newer" }, `${words.isNewer} `, button) : null,
  ];
}
