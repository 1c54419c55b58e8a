/** The votes: which values speak for a class, which against it, and how strongly. */

import { oneStop, planeButton } from "piecewise/grid.js";
import { largestOf } from "piecewise/paint.js";
import { element, number, placeWords } from "piecewise/text.js";

const FIRST = 12;

/**
 * @param {Walk} walk
 * @param {Open} open
 */
export function votesSection(walk, open) {
  const { votes, classes, explained } = walk.data;
  const stack = walk.stack(votes.stack);
  if (!stack) return null;
  const choice = element(
    "select",
    { id: "vote-class" },
    ...votes.labels.map((label) =>
      element("option", { value: label, text: classes[label], selected: label === explained }),
    ),
  );
  const body = element("div");
  const told = element("p", { class: "told", role: "status" });
  const show = () => body.replaceChildren(...ledger(walk, Number(choice.value), open, told));
  choice.addEventListener("change", show);
  show();
  return element(
    "section",
    { class: "votes", id: "votes" },
    element("h2", { text: "The votes" }),
    element(
      "p",
      { class: "hint" },
      `Every value of ${votes.stack} has a say for each class: value times weight, through all layers ` +
        "after it. Together, with what the biases come to, they are the class\u2019s logit.",
    ),
    element("p", {}, element("label", { for: "vote-class", text: "Votes for " }), choice),
    body,
    told,
  );
}

/**
 * Votes by map as small pictures and as bars, the strongest first; the values on demand.
 * @param {Walk} walk
 * @param {number} label
 * @param {Open} open
 * @param {HTMLElement} told
 */
function ledger(walk, label, open, told) {
  const { votes, logits } = walk.data;
  const stack = walk.stack(votes.stack);
  const slope = walk.array(`votes ${label}`);
  if (!stack || !slope)
    return [element("p", { text: "There was no room for these in this page." })];
  const { shape } = walk.layer(votes.stack);
  const [count, rows, columns] = shape;
  const says = Float32Array.from(stack.values, (value, i) => value * slope.values[i]);
  const size = rows * columns;
  const sums = Array.from({ length: count }, (_, map) =>
    says.subarray(map * size, (map + 1) * size).reduce((sum, one) => sum + one, 0),
  );
  const order = sums.map((_, map) => map).sort((a, b) => Math.abs(sums[b]) - Math.abs(sums[a]));
  const strongest = largestOf(says);
  /** @param {number} map */
  const plane = (map) => ({ values: says, start: map * size, rows, columns, largest: strongest });
  /** @param {number} map */
  const make = (map) =>
    planeButton(
      plane(map),
      {
        name: (row, column) => `vote of ${placeWords([votes.stack, map, row, column], shape)}`,
        told: (words) => {
          told.textContent = words;
        },
        open: (row, column) => open([votes.stack, map, row, column]),
      },
      Math.min(72, 12 * Math.max(rows, columns)),
    );
  const body = element("tbody");
  /** @type {HTMLButtonElement[]} */
  const made = [];
  const largest = Math.max(...sums.map(Math.abs), Math.abs(votes.biases[label]));
  let shown = 0;
  const more = element("button", { type: "button", class: "more" });
  const add = () => {
    for (const map of order.slice(shown, shown + FIRST)) {
      const button = make(map);
      made.push(button);
      body.append(line(button, `map ${map}`, sums[map], largest));
    }
    shown = Math.min(order.length, shown + FIRST);
    oneStop(made);
    more.hidden = shown >= order.length;
    more.textContent = `show more of ${order.length - shown} further maps`;
  };
  more.addEventListener("click", add);
  add();
  const foot = element("tfoot", {}, line("", "biases", votes.biases[label], largest));
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
    ...["its values\u2019 votes", "of", "together", ""].map((text) =>
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
function line(inside, name, vote, largest) {
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
