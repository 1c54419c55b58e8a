/** How numbers, counts and kinds of samples are written, in English. */

export const locale = "en";
export const whole = new Intl.NumberFormat(locale);
export const tenth = new Intl.NumberFormat(locale, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
  signDisplay: "negative", // 0.0, not -0.0
});
const plurals = new Intl.PluralRules(locale);

/** The names of one sample and of several. @type {Record<Kind, [string, string]>} */
export const KINDS = {
  pictures: ["picture", "pictures"],
  sounds: ["sound", "sounds"],
  texts: ["text", "texts"],
};

/**
 * A number with its noun.
 * @param {number} count
 * @param {string} one
 * @param {string} more
 */
export function counted(count, one, more) {
  return `${whole.format(count)} ${plurals.select(count) === "one" ? one : more}`;
}

/** @param {number} share */
export function percent(share) {
  return `${tenth.format(100 * share)}\u00a0%`;
}
