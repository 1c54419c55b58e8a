/** The text about why the net says what it says, in English. */

import { counted } from "app/words/forms.js";

/** How the input may be changed, by its kind. @type {Record<string, Record<string, string>>} */
const CHANGES = {
  pictures: {
    right: "shifted sideways",
    down: "shifted up or down",
    scale: "smaller or larger",
    rotation: "turned",
    stroke_width: "finer or bolder",
  },
  sounds: { right: "earlier or later" },
};

export const reasonWords = {
  /** @param {Kind} kind */
  reasons: (kind) => (kind === "texts" ? "Why" : "Why, and if it were changed"),
  why: "Why",
  /** @param {string} layer */
  votesOf: (layer) => `votes of the maps of ${layer}`,
  /** @param {number} count */
  others: (count) => counted(count, "other", "others"),
  bias: "bias",
  vote: "vote",

  ifItWere: "If it were",
  howSure: "how sure it stays",
  /**
   * @param {string} name of a perturbation
   * @param {Kind} kind
   */
  change: (name, kind) => CHANGES[kind]?.[name] ?? name,
  /**
   * @param {string} name
   * @param {string} label
   * @param {string} low
   * @param {string} high
   */
  curve: (name, label, low, high) => `${name}: ${label} stays from ${low} to ${high} sure`,
};
