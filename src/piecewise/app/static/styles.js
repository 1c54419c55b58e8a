/** Style sheets that are loaded when they are needed. */

import { element } from "piecewise/text.js";

/** @type {Map<string, Promise<unknown>>} */
const loading = new Map();

/**
 * Modules together with the style sheet of what they show.
 * @template T
 * @param {string} name of the style sheet
 * @param {Promise<T>} modules
 * @returns {Promise<T>}
 */
export async function withStyle(name, modules) {
  const known = loading.get(name) ?? load(name);
  loading.set(name, known);
  await known;
  return modules;
}

/** @param {string} name */
function load(name) {
  const href = import.meta.resolve(`app/style/${name}.css`);
  const link = element("link", { rel: "stylesheet", href });
  const loaded = new Promise((resolve) => {
    link.addEventListener("load", resolve);
    link.addEventListener("error", resolve); // what is shown without it can still be used
  });
  document.head.append(link);
  return loaded;
}
