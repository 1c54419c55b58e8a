/** What the net says: the class, how sure it is of each, and the votes that made it so. */

import { state, watch } from "app/store.js";
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
  section.append(body, status);
  watch(["walk"], () => {
    const { walk } = state;
    if (!walk) {
      body.replaceChildren(element("p", { class: "note", text: words.noAnswer }));
      return;
    }
    body.replaceChildren(...verdict(walk), ...why(walk));
  });
  /** Say the answer to a screen reader: after the pen is up, not while it draws. */
  const speak = () => {
    const { walk } = state;
    if (walk) status.textContent = words.spokenAnswer(...answerOf(walk));
  };
  return { section, speak };
}

/**
 * The class that a walk ends in, and its probability.
 * @param {Walk} walk
 * @returns {[string, string]}
 */
function answerOf({ data }) {
  return [data.classes[data.predicted], percent(data.probabilities[data.predicted])];
}

/** @param {Walk} walk */
function verdict(walk) {
  const { data } = walk;
  const [label, sure] = answerOf(walk);
  const order = [...data.order].slice(0, CLASSES_SHOWN).sort((a, b) => a - b);
  return [
    element("p", { class: "kicker", text: words.itSays }),
    element(
      "div",
      { class: "says-verdict" },
      element(
        "h2",
        { class: label.length > 8 ? "says-label long" : "says-label" },
        element("bdi", { text: label }),
      ),
      element("span", { class: "sure" }, element("b", { text: sure }), ` ${words.sure}`),
    ),
    element("div", { class: "says-bars" }, ...order.map((index) => bar(data, index))),
    data.warning ? element("p", { class: "note", text: words.doubtful(data.warning) }) : null,
  ].filter((one) => one !== null);
}

/**
 * @param {ExplainData} data
 * @param {number} index
 */
function bar(data, index) {
  const filled = element("i");
  filled.style.width = `${Math.max(0.6, 100 * data.probabilities[index])}%`;
  return element(
    "div",
    { class: "bar-row" },
    element("b", {}, element("bdi", { text: data.classes[index] })),
    element("span", { class: "says-track", "aria-hidden": "true" }, filled),
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
  const rows = top.map((map) => row(walk.mapName(layer, map), sums[map], largest));
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
 * @param {string} name
 * @param {number} vote
 * @param {number} largest
 */
function row(name, vote, largest) {
  const bar = element("i", { class: vote < 0 ? "against" : "for", "aria-hidden": "true" });
  bar.style.width = `${(100 * Math.abs(vote)) / (largest || 1)}%`;
  return element(
    "tr",
    {},
    element("th", { scope: "row", text: name }),
    element("td", { class: "value", text: aligned(vote, largest) }),
    element("td", { class: "vote-bar" }, bar),
  );
}
