/** Logarithm, sine and cosine with the bits of piecewise: additions and multiplications alone. */

import { roundHalfEven } from "../net/rounding.js";

const LN2_HIGH = 0.69314718036912381649; // 33 bits, so that its products are exact
const LN2_LOW = 1.90821492927058770002e-10;
const HALF_PI_HIGH = 1.5707963267341256; // likewise
const HALF_PI_LOW = 6.077100506506192e-11;

/**
 * coefficients[0] + coefficients[1] * x + coefficients[2] * x**2 + ...
 * @param {number[]} coefficients
 * @param {number} x
 */
function horner(coefficients, x) {
  return coefficients.reduceRight((value, coefficient) => value * x + coefficient);
}

/** @param {number} count @param {(n: number) => number} value */
function series(count, value) {
  return Array.from({ length: count }, (_, n) => value(n));
}

/** @param {number} n @returns {number} */
function factorial(n) {
  return n < 2 ? 1 : n * factorial(n - 1);
}

const LOGARITHM = series(12, (n) => 2 / (2 * n + 1));
const SINE = series(10, (n) => (-1) ** n / factorial(2 * n + 1));
const COSINE = series(10, (n) => (-1) ** n / factorial(2 * n));

/**
 * The natural logarithm of a positive number.
 * @param {number} x
 */
export function log(x) {
  let power = Math.max(-1000, Math.floor(Math.log2(x))) + 1;
  let mantissa = x * 2 ** -power; // from 0.5 to 1
  while (mantissa >= 1) [mantissa, power] = [mantissa / 2, power + 1];
  while (mantissa < 0.5) [mantissa, power] = [mantissa * 2, power - 1];
  if (mantissa < 0.7071067811865476) [mantissa, power] = [2 * mantissa, power - 1];
  const t = (mantissa - 1) / (mantissa + 1);
  return power * LN2_LOW + t * horner(LOGARITHM, t * t) + power * LN2_HIGH;
}

/**
 * @param {number} x radians
 * @returns {[sine: number, cosine: number]}
 */
export function sineCosine(x) {
  const quarter = roundHalfEven(x / (HALF_PI_HIGH + HALF_PI_LOW));
  const rest = x - quarter * HALF_PI_HIGH - quarter * HALF_PI_LOW;
  const square = rest * rest;
  const sine = rest * horner(SINE, square);
  const cosine = horner(COSINE, square);
  switch (((quarter % 4) + 4) % 4) {
    case 0:
      return [sine, cosine];
    case 1:
      return [cosine, -sine];
    case 2:
      return [-sine, -cosine];
    default:
      return [-cosine, sine];
  }
}
