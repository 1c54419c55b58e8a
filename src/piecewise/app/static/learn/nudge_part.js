/** The loss as a function of one weight: a value to choose, and steps of gradient descent. */

import { ask } from "app/ask.js";
import { partSection } from "app/learn/part_section.js";
import { learnWords as words } from "app/words/learn.js";
import { element, number, svgElement } from "piecewise/text.js";

const [WIDE, HIGH] = [420, 180];
/** @type {Record<string, { steps: number, rate: number }>} */
const STEPS = {
  one: { steps: 1, rate: 1 },
  ten: { steps: 10, rate: 1 },
  long: { steps: 1, rate: 10 },
};
/** @typedef {{ values: number[], losses: number[], value: number }} Curve */

export function nudgePart() {
  const place = element("div");
  const said = element("p", { class: "facts", role: "status" });
  const buttons = Object.entries(words.stepKinds).map(([name, text]) =>
    element("button", { type: "button", text, onclick: () => step(name) }),
  );
  /** @param {string} name */
  const step = async (name) => {
    const { steps } = await ask("POST", "/api/small-net/nudge", STEPS[name]).catch(() => ({}));
    if (!steps) return;
    const [first, last] = [steps[0], steps[steps.length - 1]];
    said.textContent = words.stepped(
      number(first.loss, 4),
      number(last.loss, 4),
      number(last.weight, 4),
    );
  };
  ask("POST", "/api/small-net/nudge", {})
    .then((curve) => place.replaceChildren(...chart(curve)))
    .catch(() => {}); // the strip says that the program is gone
  return partSection(words.nudge, place, element("div", { class: "row" }, ...buttons), said);
}

/** The curve, and a slider along it. @param {Curve} curve */
function chart({ values, losses, value }) {
  const most = Math.max(...losses);
  const [low, high] = [values[0], values[values.length - 1]];
  const x = (/** @type {number} */ weight) => (WIDE * (weight - low)) / (high - low);
  const y = (/** @type {number} */ loss) => HIGH - 6 - ((HIGH - 12) * loss) / (most || 1);
  const points = values.map((weight, i) => `${x(weight)},${y(losses[i])}`).join(" ");
  const mark = svgElement("circle", { r: 6 });
  const picture = svgElement(
    "svg",
    { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "nudge", "aria-hidden": "true" },
    svgElement("line", { x1: x(value), x2: x(value), y1: 0, y2: HIGH }),
    svgElement("polyline", { points }),
    mark,
  );
  const nearest = values.reduce(
    (best, weight, i) => (Math.abs(weight - value) < Math.abs(values[best] - value) ? i : best),
    0,
  );
  const slider = element("input", {
    type: "range",
    min: 0,
    max: values.length - 1,
    value: nearest,
    "aria-label": words.weight,
  });
  const line = element("p", { class: "facts" });
  const show = () => {
    const at = Number(slider.value);
    mark.setAttribute("cx", String(x(values[at])));
    mark.setAttribute("cy", String(y(losses[at])));
    line.textContent = words.lossAt(number(values[at], 3), number(losses[at], 4));
    slider.setAttribute("aria-valuetext", line.textContent);
  };
  slider.addEventListener("input", show);
  show();
  return [picture, slider, line];
}
