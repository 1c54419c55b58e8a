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
    ? separated(formatted)
    : formatted.toPrecision(digits).replace(/\.?0+$/, "");
}

/**
 * A number with separators between thousands; without more decimals than it has.
 * @param {number} value
 */
export function separated(value) {
  return value.toLocaleString("en-US", { maximumFractionDigits: 6 });
}

/**
 * A number of a column, with as many decimals as give the largest one four digits.
 * @param {number} value
 * @param {number} largest
 */
export function aligned(value, largest) {
  if (largest >= 1e6 || largest < 1e-3) return number(value, 4);
  const decimals = Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(largest))));
  const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  const formatted = value.toLocaleString("en-US", options);
  return (/^-[0.]*$/.test(formatted) ? formatted.slice(1) : formatted).replace("-", "\u2212");
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

/**
 * A probability in percent, with the digits that matter, as `percent` of insight/reason.py.
 * @param {number} fraction
 */
export function percent(fraction) {
  const value = 100 * fraction;
  if (value === 0 || value === 100) return `${value} %`;
  if (value < 0.01) return "< 0.01 %";
  if (value > 99.99) return "> 99.99 %";
  return `${value.toFixed(value < 1 || value > 99 ? 2 : 1)} %`;
}
