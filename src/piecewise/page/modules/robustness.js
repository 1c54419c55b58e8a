/**
 * Robustness: the probability of the class while the input is shifted, scaled, rotated and redrawn.
 * A slider below each curve reads it, size by size.
 */

import { reportSection, titledTable } from "piecewise/parts.js";
import { element, number, percent, svgElement } from "piecewise/text.js";

const [WIDE, HIGH, LEFT, BOTTOM] = [320, 170, 34, 24];

/**
 * @param {Pick<ExplainData, "robustness" | "classes">} data
 * @param {(curve: RobustnessCurve, index: number) => void} [moved] called when a slider moves
 */
export function robustnessSection({ robustness: curves, classes }, moved = () => {}) {
  if (!curves.length) return null;
  return reportSection(
    "robustness",
    "Robustness: how far the input can be changed",
    `The line shows the probability of ${classes[curves[0].label]}. The dots show literal ` +
      `comparison: the fraction of ${cellsOf(curves[0])} that are equal to those of the ` +
      "unchanged input.",
    element("div", { class: "figures" }, ...curves.map((curve) => figure(curve, classes, moved))),
  );
}

/**
 * @param {RobustnessCurve} curve
 * @param {Record<number, string>} classes
 * @param {(curve: RobustnessCurve, index: number) => void} moved
 */
function figure(curve, classes, moved) {
  const changes = [curve.below, curve.above].map((end) => end && changeText(curve, end, classes));
  const description = changes.some(Boolean)
    ? changes.filter(Boolean).join(" ")
    : "The prediction does not change in this range.";
  const picture = chart(curve, description);
  return element(
    "figure",
    { class: "curve" },
    element("h3", { text: `${name(curve)} (${curve.unit})` }),
    legend(curve, classes),
    picture,
    slider(curve, classes, picture, moved),
    element("p", { class: "change", text: description }),
    element("details", {}, element("summary", { text: "as a table" }), table(curve, classes)),
  );
}

/**
 * A slider over the sizes, and what the curve says at its size.
 * @param {RobustnessCurve} curve
 * @param {Record<number, string>} classes
 * @param {SVGElement} picture
 * @param {(curve: RobustnessCurve, index: number) => void} moved
 */
function slider(curve, classes, picture, moved) {
  const { sizes, probabilities, predicted, unchanged_index: middle, unit } = curve;
  const range = element("input", {
    type: "range",
    max: sizes.length - 1,
    value: middle,
    "aria-label": `${name(curve)} (${unit})`,
  });
  const reading = element("output");
  const [top, bottom] = [8, HIGH - BOTTOM];
  const mark = svgElement("line", { class: "reading-mark", y1: top, y2: bottom });
  picture.append(mark);
  const read = () => {
    const index = Number(range.value);
    const x = scaleOf(sizes)(sizes[index]);
    mark.setAttribute("x1", String(x));
    mark.setAttribute("x2", String(x));
    const answer = classes[predicted[index]] ?? `class ${predicted[index]}`;
    const size = `${number(sizes[index], 3)} ${unit}`;
    const own = predicted[index] === curve.label ? "" : `${classes[curve.label]} `;
    const text = `${size}: ${answer} (${own}${percent(probabilities[index])})`;
    reading.textContent = text;
    range.setAttribute("aria-valuetext", text);
  };
  read();
  range.addEventListener("input", () => {
    read();
    moved(curve, Number(range.value));
  });
  return element("div", { class: "reading" }, range, reading);
}

/**
 * Where a size is drawn.
 * @param {number[]} sizes
 * @returns {(size: number) => number}
 */
function scaleOf(sizes) {
  const span = sizes[sizes.length - 1] - sizes[0];
  return (size) => LEFT + ((WIDE - LEFT - 8) * (size - sizes[0])) / span;
}

/** What an input is made of. @param {RobustnessCurve} curve */
function cellsOf(curve) {
  return isOfSound(curve) ? "cells of the spectrogram" : "pixels";
}

/** Only sounds are shifted by seconds. @param {RobustnessCurve} curve */
function isOfSound({ unit }) {
  return unit === "seconds";
}

/** @param {RobustnessCurve} curve */
function equalCells(curve) {
  return isOfSound(curve) ? "equal cells" : "equal pixels";
}

/**
 * What the line, the dots and the dashes of a chart mean.
 * @param {RobustnessCurve} curve
 * @param {Record<number, string>} classes
 */
function legend(curve, classes) {
  const entries = [
    ["line", `probability of ${classes[curve.label]}`],
    ["dots", equalCells(curve)],
  ];
  if (curve.below || curve.above) entries.push(["dashes", "prediction changes"]);
  const items = entries.map(([kind, text]) =>
    element("li", {}, element("span", { class: `swatch ${kind}` }), text),
  );
  return element("ul", { class: "legend" }, ...items);
}

/** @param {RobustnessCurve} curve */
function name(curve) {
  const { perturbation } = curve;
  if (isOfSound(curve)) return "shifted in time";
  return (
    {
      right: "shifted right",
      down: "shifted down",
      scale: "scaled",
      rotation: "rotated",
      stroke_width: "stroke width changed",
    }[perturbation] ?? perturbation
  );
}

/**
 * @param {RobustnessCurve} curve
 * @param {ChangedPrediction} end
 * @param {Record<number, string>} classes
 */
function changeText(curve, end, classes) {
  const lost = end.lost
    ? ` The votes that fell most are those of map ${end.lost.map + 1} of ${end.lost.layer}, from ${number(end.lost.before, 3)} to ${number(end.lost.after, 3)}.`
    : "";
  return `At ${number(end.size, 3)} ${curve.unit}, the prediction becomes ${classes[end.predicted] ?? `class ${end.predicted}`}.${lost}`;
}

/**
 * @param {RobustnessCurve} curve
 * @param {string} description
 */
function chart(curve, description) {
  const { sizes, probabilities, equal_pixels: equal } = curve;
  const x = scaleOf(sizes);
  /** @param {number} fraction */
  const y = (fraction) => 8 + (HIGH - BOTTOM - 8) * (1 - fraction);
  const points = sizes.map((size, i) => `${x(size).toFixed(1)},${y(probabilities[i]).toFixed(1)}`);
  const svg = svgElement("svg", {
    viewBox: `0 0 ${WIDE} ${HIGH}`,
    role: "img",
    "aria-label": `${name(curve)}: ${description}`,
  });
  for (const fraction of [0, 0.5, 1]) {
    svg.append(
      svgElement("line", {
        x1: LEFT,
        x2: WIDE - 8,
        y1: y(fraction),
        y2: y(fraction),
        class: "rule",
      }),
      svgElement("text", {
        x: LEFT - 5,
        y: y(fraction) + 4,
        "text-anchor": "end",
        text: `${100 * fraction}%`,
      }),
    );
  }
  for (const end of [curve.below, curve.above].filter((one) => one !== null)) {
    svg.append(
      svgElement("line", {
        x1: x(end.size),
        x2: x(end.size),
        y1: y(1),
        y2: y(0),
        class: "change-mark",
      }),
    );
  }
  const anchors = { start: 0, middle: curve.unchanged_index, end: sizes.length - 1 };
  for (const [anchor, index] of Object.entries(anchors)) {
    svg.append(
      svgElement("text", {
        x: x(sizes[index]),
        y: HIGH - 6,
        "text-anchor": anchor,
        text: number(sizes[index], 3),
      }),
    );
  }
  sizes.forEach((size, i) =>
    svg.append(svgElement("circle", { cx: x(size), cy: y(equal[i]), r: 2.2, class: "literal" })),
  );
  svg.append(svgElement("polyline", { points: points.join(" "), class: "probability" }));
  return svg;
}

/**
 * @param {RobustnessCurve} curve
 * @param {Record<number, string>} classes
 */
function table(curve, classes) {
  const rows = curve.sizes.map((size, i) => {
    const predicted = classes[curve.predicted[i]] ?? `class ${curve.predicted[i]}`;
    const cells = [
      number(size, 3),
      percent(curve.probabilities[i]),
      predicted,
      percent(curve.equal_pixels[i]),
    ];
    return element("tr", {}, ...cells.map((text) => element("td", { text })));
  });
  const titles = [
    curve.unit,
    `probability of ${classes[curve.label]}`,
    "prediction",
    equalCells(curve),
  ];
  return titledTable({ class: "terms" }, titles, element("tbody", {}, ...rows));
}
