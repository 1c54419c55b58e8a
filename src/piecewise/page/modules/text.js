/** Elements and formatted numbers. All text is set as text, so nothing in a name can become markup. */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [set] attributes; `class`, `text`, and on... functions among them
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, set = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") node.textContent = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/**
 * An SVG element; see `element`.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [set]
 * @param {...(Node | string)} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svgElement(tag, set = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(set)) {
    if (name === "text") node.textContent = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/**
 * A number with this many significant digits and a typographic minus sign.
 * @param {number | undefined} value
 * @param {number} [digits]
 */
export function number(value, digits = 4) {
  if (value === undefined) return "?";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const formatted =
    size >= 1e6 || size < 1e-4 ? value.toExponential(digits - 1) : trimmed(value, digits);
  return formatted.replace("-", "\u2212");
}

/**
 * @param {number} value
 * @param {number} digits
 */
function trimmed(value, digits) {
  const formatted = Number(value.toPrecision(digits));
  return Math.abs(formatted) >= 1000
    ? formatted.toString()
    : formatted.toPrecision(digits).replace(/\.?0+$/, "");
}

/**
 * A number for a cell of a grid, with as many decimals as fit the largest number of the grid.
 * A number that is not zero but would round to zero is shown as about zero.
 * @param {number} value
 * @param {number} largest
 */
export function shortNumber(value, largest) {
  if (value === 0) return "0";
  if (largest >= 1e4 || largest < 1e-3) return number(value, 2);
  const size = Math.floor(Math.log10(largest));
  const formatted = value.toFixed(Math.min(4, Math.max(0, size < 0 ? 1 - size : 2 - size)));
  return Number(formatted) ? formatted.replace("-", "\u2212") : "\u22480";
}

/**
 * A number with all digits of a float32.
 * @param {number | undefined} value
 */
export function exactNumber(value) {
  return value === undefined ? "?" : Number(value.toPrecision(9)).toString().replace("-", "\u2212");
}

/** @param {number} fraction */
export function percent(fraction) {
  return `${(100 * fraction).toFixed(2)} %`;
}

/**
 * A position as text: conv1, map 3, row 4, column 5.
 * @param {Position} position
 * @param {?Shape} [shape] of the layer
 */
export function describePosition([layer, map, row, column], shape) {
  if (layer === "input" && shape && shape[0] === 1) return `input, row ${row}, column ${column}`;
  if (shape && shape[1] === 1 && shape[2] === 1) return `${layer}, number ${map}`;
  return `${layer}, map ${map}, row ${row}, column ${column}`;
}
