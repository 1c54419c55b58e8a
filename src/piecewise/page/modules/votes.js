/** The votes: which values vote for a class, which against it, and how strongly. */

import { rovingTabIndex, planeButton } from "piecewise/grid.js";
import { largestOf } from "piecewise/paint.js";
import { mapDetails } from "piecewise/vote_map.js";
import { reportSection, titledTable } from "piecewise/parts.js";
import { aligned, element, separated } from "piecewise/text.js";

const MAPS_SHOWN = 12;

/**
 * @param {Walk} walk
 * @param {Open} open
 */
export function votesSection(walk, open) {
  const { votes, classes, explained, reason } = walk.data;
  const activation = walk.activation(votes.layer);
  if (!activation) return null;
  const choice = element(
    "select",
    { id: "vote-class" },
    reason && hasBoth(walk, reason)
      ? element("option", {
          value: "difference",
          text: `${classes[reason.label]} rather than ${classes[reason.rival]}`,
          selected: true,
        })
      : null,
    ...votes.labels.map((label) =>
      element("option", {
        value: label,
        text: classes[label],
        selected: !reason && label === explained,
      }),
    ),
  );
  const body = element("div");
  const status = element("p", { class: "status", role: "status" });
  const show = () =>
    body.replaceChildren(...ledger(walk, ballot(walk, choice.value), open, status));
  choice.addEventListener("change", show);
  show();
  return reportSection(
    "votes",
    "The votes",
    `Every value of ${votes.layer} votes for each class. Its vote is its value times its weight through all later ` +
      "layers. The sum of all votes and biases is the logit of the class. Open a row to see its map.",
    element("p", {}, element("label", { for: "vote-class", text: "Votes for " }), choice),
    body,
    status,
  );
}

/**
 * Whether the page has the votes for both classes of a reason.
 * @param {Walk} walk
 * @param {Reason} reason
 */
function hasBoth(walk, { label, rival }) {
  return [label, rival].every((one) => walk.array(`votes ${one}`));
}

/**
 * What the values vote for: their weights, the biases, and the sum of all votes.
 * @param {Walk} walk
 * @param {string} choice "difference", or the number of a class
 * @returns {Ballot | null}
 */
function ballot(walk, choice) {
  const { votes, logits, reason } = walk.data;
  const label = choice === "difference" && reason ? reason.label : Number(choice);
  const weights = walk.array(`votes ${label}`)?.values;
  if (!weights) return null;
  const [bias, total] = [votes.biases[label], logits[label]];
  if (choice !== "difference" || !reason) return { weights, bias, total, totalName: "the logit" };
  const { rival, difference } = reason;
  const others = walk.array(`votes ${rival}`)?.values ?? [];
  return {
    weights: weights.map((weight, i) => weight - others[i]),
    bias: bias - votes.biases[rival],
    total: difference,
    totalName: "difference of the logits",
  };
}

/**
 * Votes by map, as small images and as bars, the strongest first.
 * @param {Walk} walk
 * @param {Ballot | null} chosen
 * @param {Open} open
 * @param {HTMLElement} status
 */
function ledger(walk, chosen, open, status) {
  const { votes } = walk.data;
  const activation = walk.activation(votes.layer);
  if (!activation || !chosen)
    return [element("p", { text: "These votes are left out, to keep the file small." })];
  const { weights, bias, total, totalName } = chosen;
  const [count, rows, columns] = walk.layer(votes.layer).shape;
  const valueVotes = Float32Array.from(activation.values, (value, i) => value * weights[i]);
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
        name: (row, column) => `vote of ${walk.describe([votes.layer, map, row, column])}`,
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
  const largest = Math.max(...sums.map(Math.abs), Math.abs(bias));
  let shown = 0;
  const more = element("button", { type: "button", class: "more" });
  const add = () => {
    for (const map of order.slice(shown, shown + MAPS_SHOWN)) {
      const button = make(map);
      planeButtons.push(button);
      const name = walk.mapName(votes.layer, map);
      const details = () => mapDetails(walk, map, valueVotes, open, status);
      body.append(...openingRow(button, name, sums[map], largest, details));
    }
    shown = Math.min(order.length, shown + MAPS_SHOWN);
    rovingTabIndex(planeButtons);
    more.hidden = shown >= order.length;
    more.textContent = `show more maps (${separated(order.length - shown)} left)`;
  };
  more.addEventListener("click", add);
  add();
  const foot = element("tfoot", {}, voteRow("", "biases", bias, largest));
  const last = element("tr", { class: "total" });
  last.append(
    element("td"),
    element("th", { scope: "row", text: totalName }),
    element("td", { class: "number", text: aligned(total, largest) }),
    element("td"),
  );
  foot.append(last);
  const titles = ["votes of its values", "map", "sum", ""];
  const table = titledTable({ class: "ledger" }, titles, body, foot);
  return [table, more];
}

/**
 * A row that opens: a second row then shows the map.
 * @param {Node} inside
 * @param {string} name
 * @param {number} vote
 * @param {number} largest
 * @param {() => HTMLElement[]} details
 */
function openingRow(inside, name, vote, largest, details) {
  const cell = element("td", { colspan: 4 });
  const opened = element("tr", { class: "details", hidden: true }, cell);
  const button = element("button", {
    type: "button",
    class: "opens",
    text: name,
    "aria-expanded": "false",
    onclick: () => {
      if (!cell.firstChild) cell.append(element("div", { class: "figures" }, ...details()));
      opened.hidden = !opened.hidden;
      button.setAttribute("aria-expanded", String(!opened.hidden));
    },
  });
  return [voteRow(inside, button, vote, largest), opened];
}

/**
 * @param {Node | string} inside
 * @param {Node | string} name
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
    element("th", { scope: "row" }, name),
    element("td", { class: "number", text: aligned(vote, largest) }),
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
