/** The page that explains one answer. */

import { answerSection } from "piecewise/answer.js";
import { factsSection, pageOf, pageData } from "piecewise/frame.js";
import { walkSection } from "piecewise/layers.js";
import { looksSection } from "piecewise/looks.js";
import { matteredSection } from "piecewise/mattered.js";
import { panel } from "piecewise/panel.js";
import { tricksSection } from "piecewise/tricks.js";
import { termsOf } from "piecewise/views/index.js";
import { votesSection } from "piecewise/votes.js";
import { unpacked, Walk } from "piecewise/walk.js";

const TITLES = {
  walk: "walk",
  votes: "votes",
  mattered: "what mattered",
  tricks: "tricks",
  looks: "features",
  made: "how it was made",
};

async function start() {
  /** @type {ExplainData} */
  const data = pageData();
  const walk = new Walk(data, await unpacked(data.arrays));
  /** @type {(place: Position | null) => void} */
  let mark = () => {};
  const { aside, begin } = panel(walk, (place) => mark(place));
  const walked = walkSection(walk, begin);
  mark = walked.mark;
  const sections = [
    answerSection(data),
    walked.section,
    votesSection(walk, begin),
    matteredSection(walk),
    tricksSection(data),
    looksSection(walk),
    factsSection([...data.facts, ...room(data.arrays)]),
  ];
  window.piecewise = { walk, termsOf, begin }; // for whoever wants to look closer in the console
  pageOf(TITLES, sections, aside);
}

/**
 * What there was room for in the page.
 * @param {PackedArrays} arrays
 * @returns {[string, string][]}
 */
function room({ bits, left_out: left }) {
  const digits = Math.floor(bits * Math.log10(2));
  const told =
    bits === 24
      ? "all digits that the engine computed"
      : `rounded to about ${digits} digits, for want of room; piecewise why prints them in full`;
  /** @type {[string, string][]} */
  const rows = [["numbers in this page", told]];
  if (left.length) rows.push(["left out for want of room", left.join(", ")]);
  return rows;
}

start();
