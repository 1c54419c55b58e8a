/** The text about a knob that two windows turned, in English. */

/** @type {Record<string, string>} */
const KNOBS = {
  epochs: "the epochs",
  learning_rate: "the learning rate",
  augmentation: "the tricks",
  layers: "the layers",
};

export const words = {
  /**
   * @param {string} knob
   * @param {string} theirs
   * @param {string} ours
   */
  conflict: (knob, theirs, ours) =>
    `Another window has changed ${KNOBS[knob] ?? knob} meanwhile. There: ${theirs}. Here: ${ours}.`,
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
