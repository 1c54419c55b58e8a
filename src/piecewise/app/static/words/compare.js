/** The text beside two attempts that are compared, in English. */

export const words = {
  title: "Two attempts on the same input",
  /** @param {Attempt} attempt */
  now: ({ number }) => `Now: attempt ${number}`,
  /**
   * @param {string} layer
   * @param {number} count
   * @param {number} shown
   */
  mapsOf: (layer, count, shown) =>
    shown < count && shown > 1 ? `${layer}, ${shown} of ${count} maps` : layer,
};
