/** The interactive parts of the lessons, by the names that the lesson files give them. */

/** @type {Record<string, () => HTMLElement>} */
const PARTS = {};

/** An interactive part; null if there is none of this name. @param {string} name */
export function partOf(name) {
  return PARTS[name]?.() ?? null;
}
