/** What the net says: the class, how sure it is of each, and the votes that made it so. */

import { chooseMap, unmuteAll } from "app/chosen.js";
import { curvesBox } from "app/curves.js";
import { showOnce } from "app/small_maps.js";
import { currentAttempt, state, watch } from "app/store.js";
import { lookWords } from "app/words/look.js";
import { voteSums } from "app/votes.js";
import { words } from "app/words/en.js";
import { largestOf } from "piecewise/paint.js";
import { aligned, element, percent } from "piecewise/text.js";

const CLASSES_SHOWN = 10;
const MAPS_SHOWN = 5;

export function says() {
  const section = element("section", { class: "says", "aria-label": words.answer });
  const status = element("p", { class: "status", role: "status" });
  const body = element("div", { class: "says-body" });
  const curves = curvesBox();
  section.append(body, status);
  watch(["walk", "attempts", "project", "muted"], () => {
    const { walk } = state;
    if (!walk) {
      body.replaceChildren(element("p", { class: "note", text: words.noAnswer }));
      return;
    }
    const focused = document.activeElement;
    const key = focused instanceof HTMLElement && body.contains(focused) ? focused.title : "";
    const more = isUntaught(walk) ? [] : [...why(walk), curves];
    body.replaceChildren(...verdict(walk), ...more);
    /** @type {HTMLElement | null} */
    const again = key ? body.querySelector(`[title="${CSS.escape(key)}"]`) : null;
    again?.focus();
  });
  /** Say the answer to a screen reader: after the pen is up, not while it draws. */
  const speak = () => {
    const { walk } = state;
    if (walk && !isUntaught(walk)) status.textContent = words.spokenAnswer(...answerOf(walk));
  };
  return { section, speak };
}

/** Whether the net of a walk has learned nothing. @param {Walk} walk */
export function isUntaught({ data }) {
  return /** @type {AnswerData} */ (data).untaught === true;
}

/**
 * The class that a walk ends in, and its probability.
 * @param {Walk} walk
 * @returns {[string, string]}
 */
function answerOf({ data }) {
  return [data.classes[data.predicted], percent(data.probabilities[data.predicted])];
}

/** The probability below which the net does not know. */
function doubt() {
  return currentAttempt()?.score?.doubt ?? null;
}

/** @param {Walk} walk */
export function verdict(walk) {
  const { data } = walk;
  if (isUntaught(walk))
    return [
      element("p", { class: "kicker", text: lookWords.untaught }),
      element("p", { class: "note", text: lookWords.untaughtMeans }),
    ];
  const [label, sure] = answerOf(walk);
  const heading = element("h2", { class: "says-label" }, element("bdi", { text: label }));
  heading.style.setProperty("--letters", String(label.length)); // they fit the width
  const order = [...data.order].slice(0, CLASSES_SHOWN).sort((a, b) => a - b);
  const known = doubt();
  const isUnknown = known !== null && data.probabilities[data.predicted] < known.threshold;
  return [
    element(
      "p",
      { class: "kicker" },
      isUnknown ? lookWords.doesNotKnow : words.itSays,
      element("span", { class: "before-change", text: ` ${words.beforeChange}` }),
    ),
    element(
      "div",
      { class: isUnknown ? "says-verdict unknown" : "says-verdict" },
      heading,
      element("span", { class: "sure" }, element("b", { text: sure }), ` ${words.sure}`),
    ),
    element("div", { class: "says-bars" }, ...order.map((index) => bar(data, index, known))),
    ...notes(data, known),
  ];
}

/**
 * @param {ExplainData} data
 * @param {NonNullable<Score["doubt"]> | null} known
 */
function notes(data, known) {
  const found = [];
  if (data.warning) found.push(element("p", { class: "note", text: words.doubtful(data.warning) }));
  if (state.muted.length)
    found.push(
      element(
        "p",
        { class: "note muted-note" },
        `${lookWords.muted(state.muted.length)} `,
        element("button", {
          type: "button",
          class: "link",
          text: lookWords.unmuteAll,
          onclick: unmuteAll,
        }),
      ),
    );
  if (known) {
    const kind = state.project?.kind ?? "pictures";
    const text = lookWords.doubtBelow(percent(known.threshold), known.coverage, kind);
    found.push(element("p", { class: "note doubt-note", text }));
  }
  return found;
}

/**
 * @param {ExplainData} data
 * @param {number} index
 * @param {NonNullable<Score["doubt"]> | null} known
 */
export function bar(data, index, known) {
  const filled = element("i");
  filled.style.width = `${Math.max(0.6, 100 * data.probabilities[index])}%`;
  const line = known ? element("u") : null;
  if (known && line) line.style.insetInlineStart = `${100 * known.threshold}%`;
  return element(
    "div",
    { class: "bar-row" },
    element("b", {}, element("bdi", { text: data.classes[index] })),
    element("span", { class: "says-track", "aria-hidden": "true" }, filled, line),
    element("span", { class: "value", text: percent(data.probabilities[index]) }),
  );
}

/**
 * The votes of the maps that say most.
 * @param {Walk} walk
 */
function why(walk) {
  const { data } = walk;
  const { layer, biases } = data.votes;
  const sums = voteSums(walk, data.explained);
  if (!sums) return [];
  const order = sums.map((_, map) => map).sort((a, b) => Math.abs(sums[b]) - Math.abs(sums[a]));
  const top = order.slice(0, MAPS_SHOWN);
  const others = order.slice(MAPS_SHOWN);
  const bias = biases[data.explained];
  const rest = others.reduce((sum, map) => sum + sums[map], 0);
  const largest = largestOf([...sums, bias, rest]);
  const rows = top.map((map) => row(mapButton(walk, layer, map), sums[map], largest));
  if (others.length) rows.push(row(words.others(others.length), rest, largest));
  rows.push(row(words.bias, bias, largest));
  const total = element(
    "tr",
    { class: "total" },
    element("th", { scope: "row", text: words.vote }),
    element("td", { class: "value", text: aligned(data.logits[data.explained], largest) }),
    element("td"),
  );
  const label = data.classes[data.explained];
  return [
    element(
      "div",
      { class: "why" },
      element(
        "h2",
        {},
        `${words.why} `,
        element("bdi", { text: label }),
        element("span", { class: "sub", text: ` ${words.votesOf(layer)}` }),
      ),
      element("table", { class: "says-ledger" }, element("tbody", {}, ...rows, total)),
    ),
  ];
}

/**
 * A map of the layer that votes; pressing it chooses it.
 * @param {Walk} walk
 * @param {string} layer
 * @param {number} map
 */
function mapButton(walk, layer, map) {
  const values = walk.activation(layer)?.values;
  const [, rows, columns] = walk.layer(layer).shape;
  const name = walk.mapName(layer, map);
  const set = {
    type: "button",
    class: "map-button",
    title: name,
    onclick: () => chooseMap(layer, map),
  };
  if (!values || rows * columns === 1) return element("button", { ...set, text: name });
  const largest = largestOf(values);
  const plane = { values, start: map * rows * columns, rows, columns, largest };
  return element("button", set, showOnce(plane), name);
}

/**
 * @param {string | HTMLElement} name
 * @param {number} vote
 * @param {number} largest
 */
function row(name, vote, largest) {
  const bar = element("i", { class: vote < 0 ? "against" : "for", "aria-hidden": "true" });
  bar.style.width = `${(100 * Math.abs(vote)) / (largest || 1)}%`;
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, name),
    element("td", { class: "value", text: aligned(vote, largest) }),
    element("td", { class: "vote-bar" }, bar),
  );
}
