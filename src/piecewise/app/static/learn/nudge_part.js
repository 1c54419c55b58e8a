/** The loss as a function of one weight: a value to choose, and steps of gradient descent. */

import { ask } from "app/ask.js";
import { partSection } from "app/learn/part_section.js";
import { learnWords as words } from "app/words/learn.js";
import { element, number, svgElement } from "piecewise/text.js";

const [WIDE, HIGH] = [420, 180];
/** @typedef {{ values: number[], losses: number[], value: number, factor: number }} Curve */

export function nudgePart() {
  const place = element("div");
  const row = element("div", { class: "row" });
  const said = element("p", { class: "facts", role: "status" });
  /** @param {number} steps @param {number} rate in tenths */
  const step = async (steps, rate) => {
    const found = await ask("POST", "/api/small-net/nudge", { steps, rate }).catch(() => null);
    if (!found) return;
    const [first, last] = [found.steps[0], found.steps[steps]];
    said.textContent = words.stepped(
      number(first.loss, 4),
      number(last.loss, 4),
      number(last.weight, 4),
    );
  };
  /** @type {(text: string, steps: number, rate: number) => HTMLElement} */
  const button = (text, steps, rate) =>
    element("button", { type: "button", text, onclick: () => step(steps, rate) });
  ask("POST", "/api/small-net/nudge", {})
    .then((/** @type {Curve} */ curve) => {
      place.replaceChildren(...chart(curve));
      row.replaceChildren(
        button(words.oneStep, 1, 1),
        button(words.tenSteps, 10, 1),
        button(words.longStep(curve.factor), 1, curve.factor),
      );
    })
    .catch(() => {}); // the strip says that the program is gone
  return partSection(words.nudge, place, row, said);
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
