/** The error table: that of the slide, whose wrong errors are to be found, and that of the drawings. */

import { ask } from "app/ask.js";
import { learnWords as words } from "app/words/learn.js";
import { titledTable } from "piecewise/parts.js";
import { element } from "piecewise/text.js";

/**
 * @typedef {{ name: string, right: string, actual: string, slide: string, error: string,
 *   is_wrong: boolean }} SlideRow
 * @typedef {{ actual: string, error: string }} OwnError
 * @typedef {{ slide: SlideRow[], totals: { first: string, small: string },
 *   drawings: { label: string, first: OwnError, small: OwnError }[] }} ErrorData
 */

export function errorPart() {
  const place = element("div");
  ask("POST", "/api/small-net/errors", {})
    .then((data) => place.replaceChildren(...slideTable(data), ...ownTable(data)))
    .catch(() => {}); // the strip says that the program is gone
  return element("section", { class: "part", "aria-label": words.slideErrors }, place);
}

/** The table of the slide, with the true errors once they are compared. @param {ErrorData} data */
function slideTable({ slide }) {
  const said = element("p", { class: "facts", role: "status" });
  const heads = words.slideHead.map((text) => element("th", { scope: "col", text }));
  const head = element("tr", {}, ...heads);
  const buttons = slide.map(({ name, slide: text }) =>
    markButton(words.slideError(name, text), text),
  );
  const rows = slide.map(({ name, right, actual }, i) =>
    element(
      "tr",
      {},
      element("th", { scope: "row", text: name }),
      element("td", { text: right }),
      element("td", { text: actual }),
      element("td", {}, buttons[i]),
    ),
  );
  const compare = () => {
    const marked = buttons.map((one) => one.getAttribute("aria-pressed") === "true");
    const wrong = slide.filter((row) => row.is_wrong).length;
    const found = slide.filter((row, i) => row.is_wrong && marked[i]).length;
    said.textContent = words.slideFound(found, wrong, marked.filter(Boolean).length - found);
    if (head.childElementCount > heads.length) return;
    head.append(element("th", { scope: "col", text: words.trueHead }));
    slide.forEach(({ error }, i) => rows[i].append(element("td", { text: error })));
  };
  return [
    element("h2", { text: words.slideErrors }),
    element(
      "table",
      { class: "steps slide", "aria-label": words.slideErrors },
      element("thead", {}, head),
      element("tbody", {}, ...rows),
    ),
    element("p", { class: "sub", text: words.pressWrong }),
    element("button", { type: "button", text: words.compareErrors, onclick: compare }),
    said,
  ];
}

/**
 * A number to mark.
 * @param {string} label
 * @param {string} text
 */
function markButton(label, text) {
  const set = { type: "button", class: "marked", "aria-pressed": "false", "aria-label": label };
  const one = element("button", { ...set, text });
  one.addEventListener("click", () =>
    one.setAttribute("aria-pressed", String(one.getAttribute("aria-pressed") !== "true")),
  );
  return one;
}

/** The errors of all drawings, before and after training. @param {ErrorData} data */
function ownTable({ drawings, totals }) {
  const rows = drawings.map(({ label, first, small }, i) =>
    element(
      "tr",
      {},
      element("th", { scope: "row", text: words.drawingNumber(i + 1, label) }),
      ...[first.actual, first.error, small.actual, small.error].map((text) =>
        element("td", { text }),
      ),
    ),
  );
  const sums = ["", totals.first, "", totals.small].map((text) => element("td", { text }));
  rows.push(element("tr", {}, element("th", { scope: "row", text: words.totalErrors }), ...sums));
  const set = { class: "steps", "aria-label": words.ownErrors };
  return [
    element("h2", { text: words.ownErrors }),
    titledTable(set, words.ownErrorsHead, element("tbody", {}, ...rows)),
  ];
}
