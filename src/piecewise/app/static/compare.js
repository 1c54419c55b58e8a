/** Two attempts side by side, on the same input: what each says, and its maps. */

import { setView } from "app/address.js";
import { blocksOf } from "app/blocks.js";
import { askedAnswer } from "app/live.js";
import { namedSection } from "app/named_section.js";
import { bar } from "app/says.js";
import { showOnce } from "app/small_maps.js";
import { currentAttempt, state, watch } from "app/store.js";
import { words as common } from "app/words/en.js";
import { words } from "app/words/compare.js";
import { largestOf } from "piecewise/paint.js";
import { element, percent } from "piecewise/text.js";
import { Walk } from "piecewise/walk.js";

const MAPS = 16; // of a layer
const CLASSES = 5;

/** The attempt that the address names beside the one that answers. */
function otherAttempt() {
  const number = Number(state.view.with);
  if (number === state.project?.attempt) return null;
  return state.attempts.find((one) => one.number === number) ?? null;
}

export function compareSection() {
  const sides = element("div", { class: "compare-sides" });
  const close = element("button", {
    type: "button",
    class: "plain",
    text: common.close,
    onclick: () => setView({ with: null }),
  });
  const section = namedSection("compare", words.title, [close], sides);
  section.hidden = true;
  /** The net of the other attempt: its parameters are sent once. */
  let memory = { sha256: "", arrays: /** @type {Map<string, Matrix>} */ (new Map()) };
  let isAsking = false;
  let isStale = false;
  const show = async () => {
    const other = otherAttempt();
    section.hidden = !other || !state.walk;
    isStale = !section.hidden;
    if (isAsking) return;
    isAsking = true;
    while (isStale) {
      isStale = false;
      const [now, asked, chosen] = [currentAttempt(), state.question, otherAttempt()];
      if (!asked || !chosen || !now || state.place !== "look") break;
      const answer = await askedAnswer({ ...asked, attempt: chosen.number }, memory).catch(
        () => null,
      );
      if (!answer || !state.walk) break;
      memory = answer.memory;
      const walk = new Walk(answer.data, answer.arrays);
      sides.replaceChildren(side(now, state.walk, null), side(chosen, walk, now));
    }
    isAsking = false;
  };
  watch(["walk", "view", "attempts", "place"], show);
  return section;
}

/**
 * @param {Attempt} attempt
 * @param {Walk} walk
 * @param {Attempt | null} now the attempt that answers, for the other one
 */
function side(attempt, walk, now) {
  const { data } = walk;
  const order = [...data.order].slice(0, CLASSES).sort((a, b) => a - b);
  const label = data.classes[data.predicted];
  return element(
    "div",
    { class: "compare-side" },
    element("h3", { text: now ? common.attempt(attempt, now) : words.now(attempt) }),
    element(
      "p",
      {},
      element("b", {}, element("bdi", { text: label })),
      ` ${percent(data.probabilities[data.predicted])} ${common.sure}`,
    ),
    element("div", { class: "says-bars" }, ...order.map((index) => bar(data, index, null))),
    ...blocksOf(walk)
      .slice(1)
      .map((block) => mapsOf(walk, block)),
  );
}

/**
 * The maps of the last layer of a block, small.
 * @param {Walk} walk
 * @param {Layer[]} block
 */
function mapsOf(walk, block) {
  const { name, shape } = block[block.length - 1];
  const values = walk.activation(name)?.values;
  const [count, rows, columns] = shape;
  if (!values || name === walk.last) return "";
  const largest = largestOf(values);
  const size = rows * columns;
  const planes =
    size === 1
      ? [{ values, start: 0, rows: Math.ceil(count / 16), columns: Math.min(16, count), largest }]
      : Array.from({ length: Math.min(MAPS, count) }, (_, map) => ({
          values,
          start: map * size,
          rows,
          columns,
          largest,
        }));
  return element(
    "div",
    { class: "compare-maps" },
    element("span", { class: "sub", text: words.mapsOf(block[0].name, count, planes.length) }),
    ...planes.map((plane) => showOnce(plane, size === 1 ? "tiny strip" : "tiny")),
  );
}
