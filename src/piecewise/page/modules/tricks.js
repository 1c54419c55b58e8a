/** The tricks lab: what becomes of the votes as the picture is shifted, scaled, turned, redrawn. */

import { drawn, element, number, percent } from "piecewise/text.js";

const [WIDE, HIGH, LEFT, BOTTOM] = [320, 170, 34, 24];

/** @param {ExplainData} data */
export function tricksSection(data) {
  const { curves, classes } = data;
  if (!curves.length) return null;
  return element(
    "section",
    { class: "tricks", id: "tricks" },
    element("h2", { text: "Tricks: how far it can be changed" }),
    element("p", {
      class: "hint",
      text:
        `The line is how sure the net is of ${classes[curves[0].label]}; the dots show literal ` +
        "comparison, the share of pixels that are still the same.",
    }),
    element("div", { class: "figures" }, ...curves.map((curve) => figure(curve, classes))),
  );
}

/**
 * @param {Curve} curve
 * @param {Record<number, string>} classes
 */
function figure(curve, classes) {
  const words = [curve.below, curve.above].map((end) => end && broken(curve, end, classes));
  const told = words.some(Boolean)
    ? words.filter(Boolean).join(" ")
    : "It never breaks in this range.";
  return element(
    "figure",
    { class: "curve" },
    element("h3", { text: `${name(curve)} (${curve.unit})` }),
    picture(curve, told),
    element("p", { class: "break", text: told }),
    element("details", {}, element("summary", { text: "as a table" }), table(curve, classes)),
  );
}

/** @param {Curve} curve */
function name({ dial }) {
  return (
    {
      right: "shifted to the right",
      down: "shifted down",
      scaling: "scaled",
      rotation: "turned",
      weight: "drawn bolder",
    }[dial] ?? dial
  );
}

/**
 * @param {Curve} curve
 * @param {CurveBreak} end
 * @param {Record<number, string>} classes
 */
function broken(curve, end, classes) {
  const lost = end.lost
    ? ` What was lost most: map ${end.lost.feature} of ${end.lost.stack}, from ${number(end.lost.before, 3)} to ${number(end.lost.after, 3)}.`
    : "";
  return `At ${number(end.size, 3)} ${curve.unit} it becomes ${classes[end.answer] ?? `class ${end.answer}`}.${lost}`;
}

/**
 * @param {Curve} curve
 * @param {string} told
 */
function picture(curve, told) {
  const { sizes, sure, same } = curve;
  const span = sizes[sizes.length - 1] - sizes[0];
  /** @param {number} size */
  const x = (size) => LEFT + ((WIDE - LEFT - 8) * (size - sizes[0])) / span;
  /** @param {number} share */
  const y = (share) => 8 + (HIGH - BOTTOM - 8) * (1 - share);
  const points = sizes.map((size, i) => `${x(size).toFixed(1)},${y(sure[i]).toFixed(1)}`);
  const svg = drawn("svg", {
    viewBox: `0 0 ${WIDE} ${HIGH}`,
    role: "img",
    "aria-label": `${name(curve)}: ${told}`,
  });
  for (const share of [0, 0.5, 1]) {
    svg.append(
      drawn("line", { x1: LEFT, x2: WIDE - 8, y1: y(share), y2: y(share), class: "rule" }),
      drawn("text", {
        x: LEFT - 5,
        y: y(share) + 4,
        "text-anchor": "end",
        text: `${100 * share}%`,
      }),
    );
  }
  for (const end of [curve.below, curve.above].filter((one) => one !== null)) {
    svg.append(
      drawn("line", { x1: x(end.size), x2: x(end.size), y1: y(1), y2: y(0), class: "breaks" }),
    );
  }
  const anchors = { start: 0, middle: curve.as_it_is, end: sizes.length - 1 };
  for (const [anchor, place] of Object.entries(anchors)) {
    svg.append(
      drawn("text", {
        x: x(sizes[place]),
        y: HIGH - 6,
        "text-anchor": anchor,
        text: number(sizes[place], 3),
      }),
    );
  }
  sizes.forEach((size, i) =>
    svg.append(drawn("circle", { cx: x(size), cy: y(same[i]), r: 2.2, class: "literal" })),
  );
  svg.append(drawn("polyline", { points: points.join(" "), class: "votes" }));
  return svg;
}

/**
 * @param {Curve} curve
 * @param {Record<number, string>} classes
 */
function table(curve, classes) {
  const rows = curve.sizes.map((size, i) => {
    const answer = classes[curve.answers[i]] ?? `class ${curve.answers[i]}`;
    const cells = [number(size, 3), percent(curve.sure[i]), answer, percent(curve.same[i])];
    return element("tr", {}, ...cells.map((text) => element("td", { text })));
  });
  const titles = [curve.unit, `sure of ${classes[curve.label]}`, "answer", "pixels the same"];
  const head = element("tr", {}, ...titles.map((text) => element("th", { scope: "col", text })));
  return element(
    "table",
    { class: "terms" },
    element("thead", {}, head),
    element("tbody", {}, ...rows),
  );
}
