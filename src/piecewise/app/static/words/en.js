/** All text for people, in English. Functions take the numbers and names that a sentence is about. */

import { KINDS, counted, locale, percent, tenth, whole } from "app/words/forms.js";

const decimal = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });

/** @param {number} seconds */
function timeLeft(seconds) {
  if (seconds < 90)
    return `about ${counted(Math.max(1, Math.round(seconds)), "second", "seconds")} left`;
  return `about ${counted(Math.round(seconds / 60), "minute", "minutes")} left`;
}

export const words = {
  // The frame.
  places: "Places",
  gather: "Gather",
  look: "Look inside",
  try: "Try",
  learn: "Learn",
  take: "Take away",
  saved: "saved on this computer",
  help: "Keys and help",
  close: "Close",
  locked: "This page may not ask the program.",
  unlock: "Paste the link from the terminal into the address bar, or run `piecewise app` again.",
  /** @param {string} name */
  title: (name) => `${name} - piecewise`,
  projectName: "Name of the project",

  // The pad and the classes.
  pad: "Drawing pad. Arrow keys move the pen, Space puts it down and lifts it.",
  pen: "Pen",
  /** @param {number} width */
  nib: (width) => `Line ${width} pixels wide`,
  undo: "Undo",
  clear: "Clear",
  typeHere: "A text",
  teach: "Teach it: this is",
  learned: "What it learned from",
  newClass: "New class",
  className: "Name of the class",
  /** @param {string} name */
  rename: (name) => `Rename ${name}`,
  /**
   * @param {Kind} kind
   * @param {number} train
   * @param {number} [test]
   */
  samples: (kind, train, test) =>
    counted(train, ...KINDS[kind]) + (test ? `, ${whole.format(test)} for the test` : ""),
  /** @param {string} name */
  samplesOf: (name) => `Samples of ${name}`,
  /** @param {string} name */
  lookAt: (name) => `Look at ${name}`,

  // The strip.
  teaching: "Teaching",
  opening: "Opening",
  stopped: "The program has stopped",
  /** @param {number} waiting drawings that are not saved yet */
  startAgain: (waiting) =>
    "Start `piecewise app` again; nothing saved is lost." +
    (waiting ? ` ${counted(waiting, "drawing waits", "drawings wait")} here.` : ""),
  taught: "Taught",
  notYet: "Not taught yet",
  reading: "Reading the samples.",
  failed: "Teaching failed",
  teachingNow: "Teaching",
  /** @param {number} count */
  problems: (count) => counted(count, "file cannot be read", "files cannot be read"),
  /**
   * @param {Kind} kind
   * @param {number} samples
   * @param {number} seconds
   * @param {number} [unread]
   */
  taughtFrom: (kind, samples, seconds, unread) =>
    `${counted(samples, ...KINDS[kind])}, ${decimal.format(seconds)} s` +
    (unread ? `; ${whole.format(unread)} cannot be read, see Gather` : ""),
  /**
   * @param {number} epoch
   * @param {number} epochs
   */
  epochOf: (epoch, epochs) => `epoch ${whole.format(epoch)} of ${whole.format(epochs)}`,
  /** @param {number} epochs */
  losses: (epochs) => `error, ${counted(epochs, "epoch", "epochs")}`,
  /**
   * @param {number} first
   * @param {number} last
   */
  lossCurve: (first, last) =>
    `Error by epoch, from ${decimal.format(first)} to ${decimal.format(last)}`,
  /**
   * @param {number} right
   * @param {number} n
   */
  countOf: (right, n) => `${whole.format(right)} of ${whole.format(n)}`,
  share: percent,
  right: "right",
  /**
   * @param {number} low
   * @param {number} high
   */
  interval: (low, high) => `${tenth.format(100 * low)} to ${percent(high)}`,
  /**
   * @param {number} done
   * @param {number} of
   * @param {boolean} [bySeat]
   */
  method: (done, of, bySeat) => {
    if (done < of) return `, from ${counted(of, "net", "nets")}, ${whole.format(done)} done`;
    return bySeat ? ", each by nets that never met its seat" : ", each by nets that never saw it";
  },
  /**
   * @param {number} base
   * @param {boolean} [bySeat]
   */
  meaning: (base, bySeat) =>
    "Each sample is judged by a net that was taught without it" +
    (bySeat ? " and without the others of its seat" : "") +
    ". The true score lies in this range " +
    `with 95 % confidence. Naming the most frequent class would reach ${percent(base)}.`,
  stop: "Stop",
  teachAgain: "Teach again",
  teachLonger: "Teach longer",
  longer: "Longer teaching",
  /**
   * @param {string} stage
   * @param {number} done
   * @param {number} total
   * @param {number | null} left seconds
   */
  progress: (stage, done, total, left) =>
    [
      stage,
      total > 1 ? `${whole.format(done)} of ${whole.format(total)}` : "",
      left === null ? "" : timeLeft(left),
    ]
      .filter(Boolean)
      .join(", "),
  /**
   * @param {number} attempt
   * @param {Score | null | undefined} score
   */
  taughtLonger: (attempt, score) =>
    `Attempt ${attempt} was taught longer` +
    (score ? `: ${percent(score.right / score.n)} right, ` : ". ") +
    (score ? `${tenth.format(100 * score.low)} to ${percent(score.high)}.` : ""),
  answerWithIt: "Answer with it",
  dismiss: "Dismiss",
  knobs: "Knobs",
  epochs: "epochs",
  rate: "learning rate",
  layers: "layers",
  notation: "notation",
  layer: "layer",
  shape: "shape",
  weights: "weights",
  products: "products",
  useLayers: "Use these layers",
  chosenLayers: "Choose for me",
  /** @param {number} count */
  layerCount: (count) => (count ? whole.format(count) : "\u2013"),
  /** @param {number} count */
  parameters: (count) => counted(count, "weight in all", "weights in all"),
  compare: "Compare",
  compareWith: "Compare with",
  /** @param {number} count */
  attempts: (count) => counted(count, "attempt", "attempts"),
  /**
   * What an attempt is, and how it differs from the one that answers.
   * @param {Attempt} one
   * @param {Attempt | null} now
   */
  attempt: (one, now) => {
    const { score } = one;
    const parts = [`Attempt ${one.number}`];
    if (score) parts.push(`${whole.format(score.right)} of ${whole.format(score.n)} right`);
    if (now && now !== one) {
      if (now.samples !== one.samples)
        parts.push(`${whole.format(one.samples)} samples, now ${whole.format(now.samples)}`);
      if (now.layers !== one.layers) parts.push(one.layers);
      if (now.recipe.epochs !== one.recipe.epochs)
        parts.push(counted(Number(one.recipe.epochs), "epoch", "epochs"));
      if (now.recipe.learning_rate !== one.recipe.learning_rate)
        parts.push(`learning rate ${decimal.format(one.recipe.learning_rate)}`);
      if (JSON.stringify(now.recipe.augmentation) !== JSON.stringify(one.recipe.augmentation))
        parts.push("other tricks");
    }
    return parts.join("; ");
  },

  // The answer.
  answer: "Answer",
  itSays: "It says",
  sure: "sure",
  match: "match",
  /** @param {string} warning */
  doubtful: (warning) => `A doubtful answer: ${warning}.`,
  /**
   * @param {string} label
   * @param {string} sure
   */
  spokenAnswer: (label, sure) => `It says ${label}, ${sure} sure`,
  bias: "bias",
  /** @param {number} count of maps */
  othersAndBias: (count) => `${counted(count, "other", "others")} and bias`,
  vote: "vote",

  // The net.
  net: "The network",
  input: "input",
  votes: "votes",
  /** @param {string} layer */
  votesBy: (layer) => `by map of ${layer}`,
  /**
   * @param {number} map
   * @param {string} layer
   * @param {string} vote
   */
  voteOfMap: (map, layer, vote) => `Map ${map + 1} of ${layer}, vote ${vote}; open`,
  votesFor: "Votes for",
  /** @param {string} layer */
  stages: (layer) => `What is shown of ${layer}`,
  /**
   * @param {string} layer
   * @param {number} maps
   */
  stack: (layer, maps) =>
    `${layer}, ${counted(maps, "map", "maps")}. Arrow keys move in a map, Page Down goes to the next one, Enter opens a number.`,
  /** @param {number} count */
  weightCount: (count) => counted(count, "weight", "weights"),
  /** @param {number} largest */
  fullColour: (largest) => `full colour: ${decimal.format(largest)}`,
  /** @param {number} count */
  allMaps: (count) => `all ${whole.format(count)} maps`,
  /**
   * @param {number} products
   * @param {boolean} bias
   */
  made: (products, bias) =>
    `${counted(products, "product", "products")}${bias ? " and a bias" : ""} \u00b7 Enter opens it`,
  hint: "Point at a number to see what it is made of; click to open it.",
  /**
   * @param {number} count
   * @param {string} layer
   */
  silent: (count, layer) =>
    `${counted(count, "map", "maps")} of ${layer} ${count === 1 ? "is" : "are"} silent on this one.`,
  asText: "As text",
  beforeChange: "before this change",
  netBefore: "The maps before this change",

  // Keys.
  keys: "Keys",
  singleKeys: "Single letters and digits are keys",
  keyList: /** @type {[string, string][]} */ ([
    ["1 to 9", "save what you drew or recorded in this class"],
    ["Z", "undo the last stroke, or the last change of samples"],
    ["Shift Z", "do again what was undone"],
    ["C", "clear the pad"],
    ["G, then G, L, T, E or A", "go to Gather, Look inside, Try, Learn or Take away"],
    ["arrows, Space", "on the pad: move the pen, put it down and lift it"],
    ["arrows, Page Down, Enter", "on maps: move, go to the next map, open the number"],
    ["Escape, Backspace", "close the open number, go back to the one before"],
    ["X, T", "in Gather: remove the chosen samples, keep them for the test"],
    ["Shift arrows, Ctrl A", "in Gather: choose several samples, all of a line"],
    ["R, hold Space", "in Gather: record with the camera or the microphone that is open"],
    ["J, K", "in Try: go to the next mistake, and back"],
    [
      "1 to 9, X, T",
      "in Try: give the sample another label, remove it, move it to the test or back",
    ],
    ["[, ]", "in Learn: turn to the lesson before, or to the next"],
    ["?", "this list"],
  ]),
};
