/** How sure the net stays of its answer if the input is shifted, turned, smaller or bolder. */

import { ask } from "app/ask.js";
import { currentAttempt, kindNow, state, watch } from "app/store.js";
import { reasonWords as words } from "app/words/reasons.js";
import { element, percent, svgElement } from "piecewise/text.js";

const WAIT = 400; // milliseconds without another answer until the server is asked
const [WIDE, HIGH] = [116, 26];

export function curvesBox() {
  const rows = element("div", { class: "changes" });
  const title = element("h2", {}, `${words.ifItWere} `);
  title.append(element("span", { class: "sub", text: words.howSure }));
  const box = element("div", { class: "if-it-were" }, title, rows);
  box.hidden = true;
  let timer = 0;
  let shown = 0;
  watch(["walk"], () => {
    const { walk } = state;
    if (!walk) return;
    const { walk: number } = /** @type {AnswerData} */ (walk.data);
    rows.classList.toggle("old", number !== shown);
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const answer = await ask("POST", "/api/curves", { walk: number }).catch(() => null);
      const now = /** @type {AnswerData | undefined} */ (state.walk?.data)?.walk;
      if (!answer || now !== number) return;
      shown = number;
      const curves = /** @type {RobustnessCurve[]} */ (answer.curves);
      box.hidden = curves.length === 0;
      rows.classList.remove("old");
      rows.replaceChildren(...curves.map(row));
    }, WAIT);
  });
  return box;
}

/** @param {RobustnessCurve} curve */
function row(curve) {
  const name = words.change(curve.perturbation, kindNow());
  return element(
    "div",
    { class: "change-row" },
    element("span", { text: name }),
    picture(curve, name),
  );
}

/**
 * @param {RobustnessCurve} curve
 * @param {string} name
 */
function picture({ probabilities, unchanged_index: middle, label }, name) {
  const x = (/** @type {number} */ i) => (WIDE * i) / Math.max(1, probabilities.length - 1);
  const y = (/** @type {number} */ share) => 2 + (HIGH - 4) * (1 - share);
  const threshold = currentAttempt()?.score?.doubt?.threshold;
  const text = words.curve(
    name,
    state.walk?.data.classes[label] ?? "",
    percent(Math.min(...probabilities)),
    percent(Math.max(...probabilities)),
  );
  const points = probabilities.map((share, i) => `${x(i)},${y(share)}`).join(" ");
  const level = threshold === undefined ? null : y(threshold);
  return svgElement(
    "svg",
    { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": text },
    svgElement("line", { class: "now", x1: x(middle), x2: x(middle), y1: 0, y2: HIGH }),
    ...(level === null
      ? []
      : [svgElement("line", { class: "level", x1: 0, x2: WIDE, y1: level, y2: level })]),
    svgElement("polyline", { points }),
  );
}
