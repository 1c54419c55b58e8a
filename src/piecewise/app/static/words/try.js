/** The text of the place "Try", in English. */

import { counted, percent, whole } from "app/words/forms.js";

export const tryWords = {
  // The mistakes.
  mistakes: "Mistakes",
  which: "Which samples",
  parts: { train: "on samples for learning", test: "on samples for the test" },
  /**
   * @param {number} count
   * @param {number} n
   * @param {Part} part
   */
  wrong: (count, n, part) =>
    `${count ? whole.format(count) : "None"} of ${counted(n, "sample", "samples")} ${count === 1 ? "is" : "are"} answered wrongly, ` +
    (part === "train" ? "each by a net that never saw it." : "by the net that answers now.") +
    (count > 1 ? " The most confident mistakes come first." : ""),
  noNet: "When a net is taught, its mistakes are listed here.",
  noTest: "No sample is kept for the test. Move some to it in Gather.",
  notMeasured: "Not measured yet.",
  keys: "J and K go on and back; 1 to 9 give another label, X removes, T moves a sample to the test or to learning, Z undoes.",
  again: "The net has learned from your changes: show its mistakes",
  measure: "Measure now",
  /** @param {number} left */
  showMore: (left) => `show more (${whole.format(left)} left)`,
  /** @param {string} name */
  nowIs: (name) => `Now ${name}`,
  removed: "Removed",
  moved: { test: "Kept for the test now", train: "Used for learning now" },
  /** @param {string} name */
  lookAt: (name) => `Look at ${name}`,

  // One at a time.
  one: "One at a time",
  file: "File\u2026",
  record: "Record",
  endRecording: "Stop recording",
  dropHere: "Draw or drop a file here, or choose a sample.",
  dropSound: "Record or drop a sound here, or choose a sample.",
  typeHere: "A text to ask about",
  typing: "Type a text here, or choose a sample.",
  /** @param {string} label */
  labelled: (label) => `Its label is ${label}.`,
  lookInside: "Look inside",
  why: "Why",
  /** Of what is no sample yet. @type {Record<Kind, string>} */
  keepAs: {
    pictures: "Keep the drawing, to learn from it, as",
    sounds: "Keep the sound, to learn from it, as",
    texts: "Keep the text, to learn from it, as",
  },
  /** @param {string} name */
  keptAs: (name) => `Kept as ${name}; the net learns again.`,
  undo: "Undo",
  relabelAs: "Is it another one?",
  remove: "Remove it",
  seen: "What the net gets",
  playIt: "The sound",
  nearest: "Nearest samples it learned from",
  /** @param {number} compared */
  nearestOf: (compared) => `of ${whole.format(compared)}, as the last layer sees them`,
  /**
   * @param {string} label
   * @param {string} distance
   */
  near: (label, distance) => `${label}, ${distance}`,

  // What caused an answer.
  causes: "Which samples caused this?",
  causesNote:
    "Nets are trained, each without one sample. A sample matters if the right answer becomes more probable without it.",
  rightAnswer: "The right answer is",
  find: "Find them",
  /**
   * @param {string} label
   * @param {number} own
   * @param {number} retrained
   */
  before: (label, own, retrained) =>
    `${label}: ${percent(own)} by this net, ${percent(retrained)} by nets that learned from all. Without one:`,
  /**
   * @param {number} probability
   * @param {boolean} changes
   * @param {string} predicted
   */
  without: (probability, changes, predicted) =>
    percent(probability) + (changes ? `, the answer is ${predicted}` : ""),
  /** @param {string} answer */
  notReproduced: (answer) =>
    `No finding: nets that learn from all samples do not answer ${answer} as this net does, so leaving one out says nothing.`,
  noCause: "They answer rightly already, so no sample caused the answer.",

  // Labels that may be wrong.
  issues: "Labels that may be wrong",
  issuesNote:
    "Ten small nets judge each sample for learning; none of them learned from the samples that it judges. Look at each one: an unusual sample may be listed, too.",
  findIssues: "Look for them",
  /**
   * @param {number} count
   * @param {number} judged
   */
  issuesFound: (count, judged) =>
    `${counted(count, "label", "labels")} of ${whole.format(judged)} may be wrong, the most doubtful first.`,
  /**
   * @param {string} label
   * @param {string} predicted
   * @param {number} probability
   */
  issue: (label, predicted, probability) =>
    `${label}, or ${predicted}? ${percent(probability)} wrong`,
};
