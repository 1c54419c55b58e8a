/** The text of the table of a net, in English. */

export const words = {
  caption: "The layers on this input, and the largest value of their strongest maps",
  columns: ["layer", "notation", "shape", "strongest maps", "silent maps"],
  /**
   * @param {number} maps of the layer
   * @param {string} name
   * @param {string} value
   */
  most: (maps, name, value) => (maps === 1 ? value : `${name}: ${value}`),
};
