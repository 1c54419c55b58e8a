/** The text of the place "Look inside", in English. */

const locale = "en";
const whole = new Intl.NumberFormat(locale);
const plurals = new Intl.PluralRules(locale);

/**
 * @param {number} count
 * @param {string} one
 * @param {string} more
 */
function counted(count, one, more) {
  return `${whole.format(count)} ${plurals.select(count) === "one" ? one : more}`;
}

export const lookWords = {
  // The arithmetic of a number.
  /**
   * @param {string} kernel its size
   * @param {string} layer
   * @param {number} maps
   * @param {boolean} isDivided
   */
  convolution: (kernel, layer, maps, isDivided) =>
    `Its ${kernel} kernel is lined up with the same patch of ` +
    `${maps === 1 ? "" : `all ${whole.format(maps)} maps of `}${layer}, multiplied cell by cell, ` +
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
   * @param {number} term
   * @param {number} terms
   */
  termOf: (term, terms) => `term ${whole.format(term)} of ${whole.format(terms)}`,
  sumChart: "The sum as it grows, a bar for each term",
  soFar: "so far",
  /**
   * @param {string} layer
   * @param {string} map
   */
  patchOf: (layer, map) =>
    layer === "input" ? `patch of the ${map}` : `patch of ${layer}, ${map}`,
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
  python: "The same in Python",
  spreadsheet: "As a spreadsheet",
  /** @param {string} map */
  looksFor: (map) => `What ${map} looks for`,
};
