/** The text of the place "Look inside", in English. */

import { KINDS, counted, locale, whole } from "app/words/forms.js";

const decimal = new Intl.NumberFormat(locale, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const short = new Intl.NumberFormat(locale, { notation: "compact", maximumSignificantDigits: 3 });

/** @param {number} vote */
function signed(vote) {
  const text = decimal.format(Math.abs(vote));
  return vote < 0 ? `\u2212${text}` : `+${text}`;
}

export const lookWords = {
  /** @type {Record<Kind, string>} */
  noNet: {
    pictures: "The maps of the net appear here, live under the pen.",
    sounds: "The maps of the net appear here, for every sound that you record or choose.",
    texts: "The maps of the net appear here, live while you type.",
  },

  // The arithmetic of a number.
  /**
   * @param {string} kernel its size
   * @param {string} layer
   * @param {number} maps
   * @param {boolean} isDivided
   */
  convolution: (kernel, layer, maps, isDivided) =>
    `Its ${kernel} kernel is lined up with ` +
    (maps === 1 ? "a patch" : `the same patch of all ${whole.format(maps)} maps`) +
    ` of ${layer}, multiplied cell by cell, ` +
    `and everything is added up, in this order${isDivided ? ", and divided" : ""}.`,
  /** @param {string} layer */
  full: (layer) =>
    `Every value of ${layer} gets a vote: value times weight. All are added up, in this order.`,
  play: "Play",
  pause: "Pause",
  stepBack: "Take a term away",
  step: "Add a term",
  speed: "Speed",
  speeds: { slow: "1\u00d7", fast: "4\u00d7", maps: "by map" },
  /**
   * @param {number} count
   * @param {number} products
   * @param {boolean} hasBias
   */
  added: (count, products, hasBias) =>
    `${hasBias ? "bias and " : ""}${whole.format(count)} of ${counted(products, "product", "products")}`,
  sumChart: "The sum as it grows, a bar for each term",
  soFar: "so far",
  /**
   * @param {string} layer
   * @param {string} map
   */
  patchOf: (layer, map) =>
    layer === "input"
      ? `patch of the ${map === "map 1" ? layer : map}`
      : `patch of ${layer}, ${map}`,
  kernel: "kernel",
  weights: "weights",
  products: "products",
  sortedBy: "Sort by",
  order: "order",
  size: "size",
  /** @param {string} map */
  showMap: (map) => `Show ${map}`,
  map: "map",
  sum: "sum",
  weight: "weight",
  value: "value",
  product: "product",
  /**
   * @param {number} from
   * @param {number} to
   * @param {number} total
   */
  rowsOf: (from, to, total) =>
    `${whole.format(from)} to ${whole.format(to)} of ${whole.format(total)}`,
  earlier: "Earlier rows",
  later: "Later rows",
  bias: "bias",
  and: "and",
  /** @param {number} count */
  productCount: (count) => counted(count, "product", "products"),
  /** @param {number} divisor */
  divided: (divisor) => `divided by ${whole.format(divisor)}`,
  sameBits: "added again from these terms: the same, bit by bit",
  otherBits: "added again from these terms: not the same",
  copy: "Copy",
  copied: "Copied",
  python: "The same in Python, which counts from 0",
  spreadsheet: "As a spreadsheet",
  /** @param {string} map */
  looksFor: (map) => `What ${map} looks for`,

  // The chosen map.
  chosenMap: "The chosen map",
  /**
   * @param {number} map
   * @param {string} layer
   */
  mapOf: (map, layer) => `Map ${map + 1} of ${layer}`,
  mapBefore: "The map before",
  mapAfter: "The next map",
  /**
   * @param {number} vote
   * @param {string} label
   */
  voteHere: (vote, label) => `${signed(vote)} for ${label} here.`,
  /**
   * @param {number} vote
   * @param {string} label
   * @param {string} rival
   */
  voteOver: (vote, label, rival) => `${signed(vote)} for ${label} over ${rival} here.`,
  /**
   * @param {number} count
   * @param {number} samples
   * @param {Kind} kind
   */
  answersTo: (count, samples, kind) =>
    count === samples
      ? `It answers to all ${counted(samples, ...KINDS[kind])}.`
      : `It answers to ${whole.format(count)} of ${counted(samples, ...KINDS[kind])}.`,
  mute: "Mute it",
  unmute: "Unmute it",
  itsKernel: "Its kernel",
  itsWeights: "Its weights",
  /**
   * @param {string} size
   * @param {number} maps
   * @param {string} layer
   */
  forEachMap: (size, maps, layer) =>
    maps === 1 ? size : `${size} for each of the ${whole.format(maps)} maps of ${layer}`,
  /** @param {number} count */
  moreMaps: (count) => `and ${whole.format(count)} more`,
  looksForTitle: "What it looks for",
  playSign: "\u25b6",
  /** @param {string} description */
  playPatch: (description) => `Play ${description}`,
  /** @param {Kind} kind */
  bestOf: (kind) => `best of your ${KINDS[kind][1]}`,
  /**
   * @param {number} count
   * @param {string} layer
   */
  neverAnswer: (count, layer) =>
    `${counted(count, "map", "maps")} of ${layer} never ${count === 1 ? "answers" : "answer"}`,
  /**
   * @param {Kind} kind
   * @param {number[]} maps
   */
  toAny: (kind, maps) =>
    `to any of your ${KINDS[kind][1]}: ${maps
      .slice(0, 16)
      .map((map) => map + 1)
      .join(", ")}${maps.length > 16 ? " \u2026" : ""}.` + " Fewer features might do as well.",
  /** @param {number} features */
  tryFewer: (features) => `Try ${whole.format(features)}`,

  // The knobs of a column.
  /** @param {string} layer */
  knobsOf: (layer) => `Knobs of ${layer}`,
  /** @type {Record<string, string>} */
  knobs: {
    features: "features",
    kernel: "kernel",
    neurons: "neurons",
    channels: "numbers of a word or letter",
    window: "window of the pooling",
  },
  /** @param {string} name */
  less: (name) => `Less: ${name}`,
  /** @param {string} name */
  more: (name) => `More: ${name}`,
  /** @param {string} value */
  features: (value) => (value === "1" ? "feature" : "features"),
  /** @param {string} value */
  neurons: (value) => (value === "1" ? "neuron" : "neurons"),
  /** @param {string} value */
  channels: (value) => (value === "1" ? "number" : "numbers"),
  pool: () => "pool",
  /**
   * @param {string} shape
   * @param {number} weights
   * @param {number} products
   */
  cost: (shape, weights, products) =>
    `${shape} \u00b7 ${short.format(weights)} weights \u00b7 ${short.format(products)} products`,
  /** @param {number} count */
  weightCount: (count) => counted(count, "weight", "weights"),
  /** @param {string} layer */
  editColumn: (layer) =>
    layer === "input" ? "Add layers after the input" : `Change the layers of ${layer}`,
  columnKeys:
    "Drag its name, or Alt and arrows, to move the column; D doubles it, Delete removes it",
  /**
   * @param {string} edit
   * @param {boolean} has
   */
  edits: (edit, has) =>
    ({
      left: "Move to the left",
      right: "Move to the right",
      duplicate: "Duplicate",
      remove: "Remove",
      conv: "Add a convolution after it",
      full: "Add a full layer after it",
    })[edit] ?? `${has ? "Without" : "With"} ${edit}`,
};
