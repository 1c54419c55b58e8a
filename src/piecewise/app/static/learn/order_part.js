/** Samples with their columns in another order, and nets that are trained with both orders. */

import { ask } from "app/ask.js";
import { partSection } from "app/learn/part_section.js";
import { pixelTable } from "app/learn/pixels.js";
import { signed } from "app/learn/runs.js";
import { learnWords as words } from "app/words/learn.js";
import { element, percent } from "piecewise/text.js";

/**
 * @typedef {{ pixels: Pixels, answer: string, probability: number, sound?: string | null,
 *   words?: string[] }} Side
 * @typedef {{ label: string, source: string, is_own: boolean, order: number[], count: number,
 *   right: number, shuffled_right: number, before: Side, after: Side }} Shuffled
 * @typedef {{ n: number, rounds: number, train_size: number, accuracy: number, shuffled_accuracy: number, difference: number,
 *   interval: [number, number], sentence: string }} Trial
 */

export function orderPart() {
  const place = element("div", { role: "status" });
  let [kind, sample] = ["", -1];
  const buttons = Object.entries(words.shuffleKinds).map(([name, text]) =>
    element("button", { type: "button", text, onclick: () => show(name) }),
  );
  /** Shuffle a sample of a kind: the first one, then the next. @param {string} name */
  const show = async (name) => {
    sample = name === kind ? sample + 1 : 0;
    kind = name;
    const found = await ask("POST", "/api/small-net/shuffle", { kind, sample }).catch(() => null);
    if (found) place.replaceChildren(...sampleElements(found));
  };
  return partSection(
    words.shuffleTitle,
    element("div", { class: "row" }, ...buttons),
    place,
    ...trialElements(),
  );
}

/** @param {Shuffled} found */
function sampleElements({ label, source, is_own, order, count, right, shuffled_right, ...sides }) {
  const { before, after } = sides;
  return [
    element("p", {
      class: "sub",
      text: is_own ? words.ownSample(label) : words.otherSample(label, source),
    }),
    element(
      "div",
      { class: "planes" },
      side(before, words.columnsBefore, []),
      side(after, words.columnsAfter, order),
    ),
    element("p", { class: "facts", text: words.rightOfAll(count, right, shuffled_right) }),
  ];
}

/**
 * A sample in one order, and the answer of the net.
 * @param {Side} one
 * @param {string} caption
 * @param {number[]} order
 */
function side({ pixels, answer, probability, sound, words: said }, caption, order) {
  const play = async () => (await import("app/sound_clip.js")).playClip(String(sound));
  return element(
    "div",
    { class: "ordered" },
    pixelTable(pixels, caption, undefined, order),
    sound ? element("button", { type: "button", text: words.hear(caption), onclick: play }) : "",
    said ? element("p", { class: "said-words", text: said.join(" ") }) : "",
    element("p", { class: "facts", text: words.says(answer, percent(probability)) }),
  );
}

/** A choice of data, and the results of nets that are trained with both orders. */
function trialElements() {
  const choice = element("select", { "aria-label": words.trialData });
  for (const [value, text] of Object.entries(words.trialSets))
    choice.append(element("option", { value, text }));
  const button = element("button", { text: words.trainBoth });
  const said = element("p", { class: "facts", role: "status" });
  const head = words.orderHead.map((text) => element("th", { scope: "col", text }));
  const table = element(
    "table",
    { class: "steps narrow", "aria-label": words.orderTitle },
    element("thead", {}, element("tr", {}, ...head)),
  );
  const form = element("form", {}, element("div", { class: "row" }, choice, button));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    said.textContent = words.training;
    const data = choice.value;
    /** @type {Trial | null} */
    const found = await ask("POST", "/api/small-net/order", { data }).catch(() => null);
    button.disabled = false;
    said.textContent = found
      ? [words.verdict(found), found.rounds ? words.meanOf(found) : ""].join(" ")
      : "";
    if (!found) return;
    const cells = words.trialCells(found).map((text) => element("td", { text: signed(text) }));
    const name = words.trialOf(data, found.n);
    const title = element("th", { scope: "rowgroup", colspan: cells.length, text: name });
    table.append(element("tbody", {}, element("tr", {}, title), element("tr", {}, ...cells)));
  });
  return [element("h2", { text: words.orderTitle }), form, said, table];
}
