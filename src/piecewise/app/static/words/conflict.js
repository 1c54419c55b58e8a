/** The text about a knob or a name that two windows changed, in English. */

/** @type {Record<string, string>} */
const CHANGED = {
  project: "the name of the project",
  class: "the name of this class",
  epochs: "the epochs",
  learning_rate: "the learning rate",
  augmentation: "the tricks",
  layers: "the layers",
};

export const words = {
  /**
   * @param {string} what
   * @param {string} theirs
   * @param {string} ours
   */
  conflict: (what, theirs, ours) =>
    `Another window has changed ${CHANGED[what] ?? what} meanwhile. There: ${theirs}. Here: ${ours}.`,
  /** @param {string} value */
  keep: (value) => `Keep ${value}`,
  /** @param {string} value */
  use: (value) => `Use ${value}`,
  /** @param {any} value of a knob */
  value: (value) => {
    if (value === undefined || value === null) return "chosen by the program";
    if (typeof value !== "object") return String(value);
    const parts = Object.entries(value).map(([name, one]) => `${name.replace("_", " ")} ${one}`);
    return parts.join(", ") || "none";
  },
};
