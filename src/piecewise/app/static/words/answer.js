/** The text about what a person asks, and about the answer, in English. */

import { KINDS, counted, locale } from "app/words/forms.js";

const tenth = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });

/** @param {number} share */
function percent(share) {
  return `${tenth.format(100 * share)}\u00a0%`;
}

/** Words of each kind of samples. @typedef {Record<Kind, string>} OfKind */

export const answerWords = {
  // The input.
  /** @type {OfKind} */
  inputs: { pictures: "Drawing", sounds: "Sound", texts: "Text" },
  how: "How to make a sample",
  /** @type {OfKind} */
  ways: { pictures: "Draw", sounds: "Sound", texts: "Type" },
  /** @type {OfKind} */
  first: {
    pictures: "Draw an O, press 1. Draw an X, press 2.",
    sounds: "Record a sound, press the button of its class.",
    texts: "Type a text, press the button of its class.",
  },
  /** @type {OfKind} */
  nothingToSave: {
    pictures: "There is nothing on the pad yet.",
    sounds: "There is no new sound yet. Record one, or choose a file.",
    texts: "There is no text yet.",
  },
  playIt: "Play the sound",
  chooseSound: "Choose a sound\u2026",

  // The answer.
  /** @type {OfKind} */
  noAnswer: {
    pictures: "When a net is taught, it answers here while you draw.",
    sounds: "When a net is taught, it answers here after you record a sound.",
    texts: "When a net is taught, it answers here while you type.",
  },
  untaught: "Not taught yet",
  untaughtMeans:
    "These are the maps of a net that has learned nothing: its weights are random numbers. " +
    "What it says would mean nothing.",
  /**
   * @param {string} threshold
   * @param {number} coverage
   * @param {Kind} kind
   */
  doubtBelow: (threshold, coverage, kind) =>
    `Below ${threshold} it says don\u2019t know. Of ${KINDS[kind][1]} it had not seen, it was at ` +
    `least as sure of ${percent(coverage)}.`,
  doesNotKnow: "It does not know. Most likely",
  /** @param {number} count */
  muted: (count) => `Without the votes of ${counted(count, "map", "maps")}.`,
  unmuteAll: "Give them back",
};
