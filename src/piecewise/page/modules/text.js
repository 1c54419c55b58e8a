/** Elements and words. All text goes in as text: nothing in a name can become markup. */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [set] attributes; `class`, `text`, and on... functions among them
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, set = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * An element of SVG, as `element` makes one.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [set]
 * @param {...(Node | string)} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function drawn(tag, set = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(set)) {
    if (name === "text") made.textContent = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/**
 * A number in so many significant digits, a true minus sign before it.
 * @param {number | undefined} value
 * @param {number} [digits]
 */
export function number(value, digits = 4) {
  if (value === undefined) return "?";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const told =
    size >= 1e6 || size < 1e-4 ? value.toExponential(digits - 1) : trimmed(value, digits);
  return told.replace("-", "\u2212");
}

/**
 * @param {number} value
 * @param {number} digits
 */
function trimmed(value, digits) {
  const told = Number(value.toPrecision(digits));
  return Math.abs(told) >= 1000 ? told.toString() : told.toPrecision(digits).replace(/\.?0+$/, "");
}

/**
 * A number for a cell of a grid: decimals that go with the largest of them, so that columns stand.
 * What is not zero and would be told as zero is told as near it.
 * @param {number} value
 * @param {number} largest
 */
export function brief(value, largest) {
  if (value === 0) return "0";
  if (largest >= 1e4 || largest < 1e-3) return number(value, 2);
  const size = Math.floor(Math.log10(largest));
  const told = value.toFixed(Math.min(4, Math.max(0, size < 0 ? 1 - size : 2 - size)));
  return Number(told) ? told.replace("-", "\u2212") : "\u22480";
}

/**
 * All digits that a float32 has.
 * @param {number | undefined} value
 */
export function whole(value) {
  return value === undefined ? "?" : Number(value.toPrecision(9)).toString().replace("-", "\u2212");
}

/** @param {number} share */
export function percent(share) {
  return `${(100 * share).toFixed(2)} %`;
}

/**
 * A place in words: conv1, map 3, row 4, column 5.
 * @param {Position} position
 * @param {?Shape} [shape] of the layer
 */
export function placeWords([layer, map, row, column], shape) {
  if (layer === "input" && shape && shape[0] === 1) return `input, row ${row}, column ${column}`;
  if (shape && shape[1] === 1 && shape[2] === 1) return `${layer}, number ${map}`;
  return `${layer}, map ${map}, row ${row}, column ${column}`;
}
