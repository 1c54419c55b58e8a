/** Why the net says what it says: the votes of its maps, and how sure it stays if the input changes. */

import { chooseMap } from "app/chosen.js";
import { curvesBox } from "app/curves.js";
import { isUntaught } from "app/says.js";
import { showOnce } from "app/small_maps.js";
import { kindNow, state, watch } from "app/store.js";
import { voteSums } from "app/votes.js";
import { reasonWords as words } from "app/words/reasons.js";
import { largestOf } from "piecewise/paint.js";
import { aligned, element } from "piecewise/text.js";

const MAPS_SHOWN = 5;

/** Both, below the answer. In a narrow window they are shown when they are asked for. */
export function reasons() {
  const votes = element("div");
  const toggle = element("button", {
    type: "button",
    class: "link reasons-toggle",
    "aria-expanded": "false",
    onclick: () => {
      const isOpen = box.classList.toggle("open");
      toggle.setAttribute("aria-expanded", String(isOpen));
    },
  });
  const box = element(
    "div",
    { class: "reasons" },
    toggle,
    element("div", { class: "reasons-body" }, votes, curvesBox()),
  );
  watch(["walk", "attempts", "project", "muted"], () => {
    const { walk } = state;
    box.hidden = !walk || isUntaught(walk);
    if (!walk || box.hidden) return;
    toggle.textContent = words.reasons(kindNow());
    const focused = document.activeElement;
    const key = focused instanceof HTMLElement && votes.contains(focused) ? focused.title : "";
    votes.replaceChildren(...why(walk));
    /** @type {HTMLElement | null} */
    const again = key ? votes.querySelector(`[title="${CSS.escape(key)}"]`) : null;
    again?.focus();
  });
  return box;
}

/**
 * The votes of the maps that say most.
 * @param {Walk} walk
 * @param {() => unknown} [chosen] is called after a map was chosen
 */
export function why(walk, chosen = () => {}) {
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
  const rows = top.map((map) => row(mapButton(walk, layer, map, chosen), sums[map], largest));
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
 * @param {() => unknown} chosen
 */
function mapButton(walk, layer, map, chosen) {
  const values = walk.activation(layer)?.values;
  const [, rows, columns] = walk.layer(layer).shape;
  const name = walk.mapName(layer, map);
  const set = {
    type: "button",
    class: "map-button",
    title: name,
    onclick: () => {
      chooseMap(layer, map);
      chosen();
    },
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
