/** Rounding as NumPy does it. */

/**
 * The nearest whole number; of two, the even one.
 * @param {number} value
 */
export function roundHalfEven(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest === 0.5) return low % 2 === 0 ? low : low + 1;
  return rest < 0.5 ? low : low + 1;
}
