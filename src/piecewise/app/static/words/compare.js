/** The text beside two attempts that are compared, in English. */

export const words = {
  title: "Two attempts on the same input",
  hint: "Point at a number to see it in both; click to open it.",
  versus: "beside",
  none: "no such number",
  /** @param {string} attempt */
  now: (attempt) => `Now: ${attempt}`,
  /**
   * @param {string} layer
   * @param {number} count
   * @param {number} shown
   */
  mapsOf: (layer, count, shown) =>
    shown < count && shown > 1 ? `${layer}, ${shown} of ${count} maps` : layer,
};
