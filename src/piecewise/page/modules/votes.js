/** The votes: which values vote for a class, which against it, and how strongly. */

import { rovingTabIndex, planeButton } from "piecewise/grid.js";
import { largestOf } from "piecewise/paint.js";
import { element, number, describePosition } from "piecewise/text.js";

const MAPS_SHOWN = 12;

/**
 * @param {Walk} walk
 * @param {Open} open
 */
export function votesSection(walk, open) {
  const { votes, classes, explained } = walk.data;
  const activation = walk.activation(votes.layer);
  if (!activation) return null;
  const choice = element(
    "select",
    { id: "vote-class" },
    ...votes.labels.map((label) =>
      element("option", { value: label, text: classes[label], selected: label === explained }),
    ),
  );
  const body = element("div");
  const status = element("p", { class: "status", role: "status" });
  const show = () => body.replaceChildren(...ledger(walk, Number(choice.value), open, status));
  choice.addEventListener("change", show);
  show();
  return element(
    "section",
    { class: "votes", id: "votes" },
    element("h2", { text: "The votes" }),
    element(
      "p",
      { class: "hint" },
      `Every value of ${votes.layer} votes for each class. Its vote is its value times its weight through all later ` +
        "layers. The sum of all votes and biases is the logit of the class.",
    ),
    element("p", {}, element("label", { for: "vote-class", text: "Votes for " }), choice),
    body,
    status,
  );
}

/**
 * Votes by map, as small images and as bars, the strongest first.
 * @param {Walk} walk
 * @param {number} label
 * @param {Open} open
 * @param {HTMLElement} status
 */
function ledger(walk, label, open, status) {
  const { votes, logits } = walk.data;
  const activation = walk.activation(votes.layer);
  const weights = walk.array(`votes ${label}`);
  if (!activation || !weights)
    return [element("p", { text: "These votes are left out, to keep the file small." })];
  const { shape } = walk.layer(votes.layer);
  const [count, rows, columns] = shape;
  const valueVotes = Float32Array.from(activation.values, (value, i) => value * weights.values[i]);
  const size = rows * columns;
  const sums = Array.from({ length: count }, (_, map) =>
    valueVotes.subarray(map * size, (map + 1) * size).reduce((sum, one) => sum + one, 0),
  );
  const order = sums.map((_, map) => map).sort((a, b) => Math.abs(sums[b]) - Math.abs(sums[a]));
  const strongest = largestOf(valueVotes);
  /** @param {number} map */
  const plane = (map) => ({
    values: valueVotes,
    start: map * size,
    rows,
    columns,
    largest: strongest,
  });
  /** @param {number} map */
  const make = (map) =>
    planeButton(
      plane(map),
      {
        name: (row, column) =>
          `vote of ${describePosition([votes.layer, map, row, column], shape)}`,
        onMove: (words) => {
          status.textContent = words;
        },
        open: (row, column) => open([votes.layer, map, row, column]),
      },
      Math.min(72, 12 * Math.max(rows, columns)),
    );
  const body = element("tbody");
  /** @type {HTMLButtonElement[]} */
  const planeButtons = [];
  const largest = Math.max(...sums.map(Math.abs), Math.abs(votes.biases[label]));
  let shown = 0;
  const more = element("button", { type: "button", class: "more" });
  const add = () => {
    for (const map of order.slice(shown, shown + MAPS_SHOWN)) {
      const button = make(map);
      planeButtons.push(button);
      body.append(voteRow(button, `map ${map}`, sums[map], largest));
    }
    shown = Math.min(order.length, shown + MAPS_SHOWN);
    rovingTabIndex(planeButtons);
    more.hidden = shown >= order.length;
    more.textContent = `show more maps (${order.length - shown} left)`;
  };
  more.addEventListener("click", add);
  add();
  const foot = element("tfoot", {}, voteRow("", "biases", votes.biases[label], largest));
  const total = element("tr", { class: "total" });
  total.append(
    element("td"),
    element("th", { scope: "row", text: "the logit" }),
    element("td", { class: "number", text: number(logits[label], 6) }),
    element("td"),
  );
  foot.append(total);
  const head = element(
    "tr",
    {},
    ...["votes of its values", "map", "sum", ""].map((text) =>
      text ? element("th", { scope: "col", text }) : element("td"),
    ),
  );
  const table = element("table", { class: "ledger" }, element("thead", {}, head), body, foot);
  return [table, more];
}

/**
 * @param {Node | string} inside
 * @param {string} name
 * @param {number} vote
 * @param {number} largest
 */
function voteRow(inside, name, vote, largest) {
  const bar = element("span", {
    class: vote < 0 ? "bar against" : "bar for",
    "aria-hidden": "true",
  });
  bar.style.width = `${(140 * Math.abs(vote)) / (largest || 1)}px`;
  return element(
    "tr",
    {},
    element("td", {}, inside),
    element("th", { scope: "row", text: name }),
    element("td", { class: "number", text: number(vote, 5) }),
    element(
      "td",
      { class: "of" },
      bar,
      element("span", {
        class: "quiet",
        text: vote < 0 ? "against" : vote > 0 ? "for" : "neither",
      }),
    ),
  );
}
