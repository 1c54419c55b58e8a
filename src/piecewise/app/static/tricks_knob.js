/** The knob of the tricks: the random changes of the samples while the net learns. */

import { closeOnEscape } from "app/knobs.js";
import { currentAttempt, kindNow, state, watch } from "app/store.js";
import { knobValue, turnKnob } from "app/turn.js";
import { trickWords as words } from "app/words/tricks.js";
import { element } from "piecewise/text.js";

/**
 * A trick: the strength that it gets first, its step, and its value in a recipe.
 * @typedef {{ first: number, step: number, most: number, of: (strength: number) => any,
 *   strength: (value: any) => number }} Trick
 */

/** @type {(first: number, step: number, most: number) => Trick} */
const plain = (first, step, most) => ({
  first,
  step,
  most,
  of: (strength) => strength,
  strength: (value) => Number(value ?? 0),
});
const round = (/** @type {number} */ value) => Math.round(1e4 * value) / 1e4;

/** @type {Record<string, Trick>} */
const TRICKS = {
  translation: {
    ...plain(0.1, 0.02, 0.5),
    // A sound is shifted in time only: its pitch is a part of what it is.
    of: (strength) => [kindNow() === "sounds" ? 0 : strength, strength],
    strength: (value) => round(Math.max(...(Array.isArray(value) ? value : [value ?? 0]))),
  },
  scale: {
    ...plain(0.15, 0.05, 1),
    of: (strength) => [round(1 / (1 + strength)), 1 + strength],
    strength: (value) => round(Math.max((value?.[1] ?? 1) - 1, 1 / (value?.[0] ?? 1) - 1)),
  },
  rotation: plain(15, 5, 180),
  stroke_width: plain(0.6, 0.2, 3),
  horizontal_flip: { ...plain(1, 1, 1), of: (strength) => strength > 0 },
  contrast: plain(0.3, 0.1, 0.9),
  brightness: plain(0.2, 0.1, 1),
  noise: plain(0.1, 0.05, 1),
  band_masking: plain(0.2, 0.1, 0.9),
};
/** Those that suit a spectrogram; a person sees another one only while it is on. */
const OF_SOUNDS = ["translation", "contrast", "brightness", "noise", "band_masking"];

/** The augmentation of the net that answers, or that a person wants. @returns {Record<string, any>} */
function current() {
  return knobValue("augmentation") ?? currentAttempt()?.recipe.augmentation ?? {};
}

export function tricksKnob() {
  const count = element("strong");
  const summary = element("summary", {}, element("span", { text: words.tricks }), count);
  const problem = element("p", { class: "problem", role: "alert" });
  const rows = Object.entries(TRICKS).map(([name, trick]) => trickRow(name, trick, turn));
  const choose = element("button", {
    type: "button",
    text: words.chooseTricks,
    onclick: () => send(undefined),
  });
  const box = element(
    "div",
    { class: "menu" },
    element("p", { class: "sub", text: words.whatTricksDo }),
    ...rows.map((row) => row.element),
    problem,
    element("div", { class: "row" }, choose),
  );
  const details = element("details", { class: "knob tricks" }, summary, box);
  closeOnEscape(details, summary);
  watch(["project", "attempts"], () => {
    details.hidden = state.project?.kind === "texts";
    const values = current();
    for (const row of rows) row.show(values);
    const shown = rows.filter((row) => !row.element.hidden);
    const on = Object.entries(TRICKS).filter(([name, one]) => one.strength(values[name]) > 0);
    count.textContent = words.tricksOn(on.length, shown.length);
  });

  /** @param {Record<string, any> | undefined} augmentation */
  async function send(augmentation) {
    problem.textContent = await turnKnob("augmentation", augmentation);
  }

  /**
   * @param {string} name
   * @param {number} strength
   */
  function turn(name, strength) {
    send({ ...current(), [name]: TRICKS[name].of(strength) });
  }
  return details;
}

/**
 * @param {string} name
 * @param {Trick} trick
 * @param {(name: string, strength: number) => void} turn
 */
function trickRow(name, trick, turn) {
  const { first, step, most } = trick;
  const box = element("input", { type: "checkbox" });
  const label = element("span");
  const field = element("input", { type: "number", min: 0, max: most, step });
  box.addEventListener("change", () => turn(name, box.checked ? first : 0));
  field.addEventListener("change", () => turn(name, Math.min(most, Number(field.value))));
  const isFlip = name === "horizontal_flip";
  const unit = element("span", { class: "sub" });
  const row = element(
    "div",
    { class: "trick-row" },
    element("label", {}, box, " ", label),
    isFlip ? null : field,
    unit,
  );
  /** @param {Record<string, any>} values */
  const show = (values) => {
    const kind = kindNow();
    const strength = trick.strength(values[name]);
    row.hidden = kind === "sounds" && !OF_SOUNDS.includes(name) && !strength;
    label.textContent = words.trickName(name, kind);
    unit.textContent = words.trickUnit(name, kind);
    field.setAttribute("aria-label", words.trickName(name, kind));
    box.checked = strength > 0;
    field.hidden = unit.hidden = !strength;
    if (document.activeElement !== field) field.value = String(strength);
  };
  return { element: row, show };
}
