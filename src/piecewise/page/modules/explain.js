/** The report that explains one prediction. */

import { answerSection } from "piecewise/answer.js";
import { factsSection, renderPage, pageData } from "piecewise/frame.js";
import { walkSection } from "piecewise/layers.js";
import { topPatchesSection } from "piecewise/top_patches.js";
import { attributionSection } from "piecewise/attribution.js";
import { panel } from "piecewise/panel.js";
import { robustnessSection } from "piecewise/robustness.js";
import { termsOf } from "piecewise/views/index.js";
import { votesSection } from "piecewise/votes.js";
import { unpack, Walk } from "piecewise/walk.js";

const TITLES = {
  walk: "walk",
  votes: "votes",
  attribution: "what mattered",
  robustness: "robustness",
  features: "features",
  net: "the net",
};

async function start() {
  /** @type {ExplainData} */
  const data = pageData();
  const walk = new Walk(data, await unpack(data.arrays));
  /** @type {(position: Position | null) => void} */
  let mark = () => {};
  const { aside, openNumber } = panel(walk, (position) => mark(position));
  const walkPart = walkSection(walk, openNumber);
  mark = walkPart.mark;
  const sections = [
    answerSection(walk, openNumber),
    walkPart.section,
    votesSection(walk, openNumber),
    attributionSection(walk, openNumber),
    robustnessSection(data),
    topPatchesSection(walk),
    factsSection([...data.facts, ...packingFacts(data.arrays)]),
  ];
  window.piecewise = { walk, termsOf, openNumber }; // for the console of the browser
  renderPage(TITLES, sections, aside);
}

/**
 * How precise the numbers in the page are, and which arrays are left out.
 * @param {PackedArrays} arrays
 * @returns {[string, string][]}
 */
function packingFacts({ bits, left_out: leftOut }) {
  const digits = Math.floor(bits * Math.log10(2));
  const precision =
    bits === 24
      ? "all digits that the engine computed"
      : `rounded to about ${digits} digits to keep the file small; piecewise why prints all digits`;
  /** @type {[string, string][]} */
  const rows = [["numbers in this page", precision]];
  if (leftOut.length) rows.push(["left out to keep the file small", leftOut.join(", ")]);
  return rows;
}

start();
