/** Texts as the net reads them: the numbers of their words, letters or n-grams. */

import { createTokenizer } from "./tokenizer.js";

const [PADDING, UNKNOWN, FIRST] = [0, 1, 2];

/**
 * The functions of a vocabulary.
 * @param {TextSettings} settings
 * @param {boolean} readsTokens whether the layers read tokens, not a picture of them
 */
export function createTextPreparation(settings, readsTokens) {
  const { units, positions, vocabulary } = settings;
  const tokenize = createTokenizer(settings);
  const numbers = new Map(vocabulary.map((entry, i) => [entry, i + FIRST]));
  const keepsUnknown = units !== "n-grams";
  /** @param {string} text */
  const numbersOf = (text) => {
    const all = tokenize(text).map((token) => numbers.get(token) ?? UNKNOWN);
    return keepsUnknown ? all : [...new Set(all.filter((number) => number !== UNKNOWN))];
  };
  return {
    /** @param {string} text @returns {Prepared} */
    prepare(text) {
      const found = numbersOf(text);
      const input = new Int32Array(positions).fill(PADDING);
      input.set(found.slice(0, positions));
      const inputs = [readsTokens ? input : oneHot(input, vocabulary.length + FIRST)];
      return { inputs, warning: warningOf(text, found), notes: [] };
    },
    /** What the net reads of a text: known tokens as they are, unknown ones as "?".
     * @param {string} text */
    tokens(text) {
      return numbersOf(text)
        .slice(0, positions)
        .map((number) => (number === UNKNOWN ? "?" : vocabulary[number - FIRST]));
    },
  };

  /**
   * @param {string} text
   * @param {number[]} found
   */
  function warningOf(text, found) {
    if (!found.length && !tokenize(text).length) return "there is no text in it";
    const start = numbers.get(settings.start);
    if (found.slice(0, positions).every((number) => number === UNKNOWN || number === start)) {
      return `none of its ${units} is one that the net has learned`;
    }
    return found.length > positions ? `only its first ${positions} ${units} are read` : null;
  }
}

/**
 * A picture of a text: a row for each word, and a column for each position.
 * @param {Int32Array} tokens
 * @param {number} words
 */
function oneHot(tokens, words) {
  const cells = new Uint8Array(words * tokens.length);
  tokens.forEach((token, position) => (cells[token * tokens.length + position] = 1));
  return cells;
}

/**
 * The text of a file in UTF-8, or in UTF-16 with a byte order mark.
 * @param {Uint8Array} bytes
 */
export function decodeText(bytes) {
  const isLittle = bytes[0] === 0xff && bytes[1] === 0xfe;
  const isBig = bytes[0] === 0xfe && bytes[1] === 0xff;
  const encoding = isLittle ? "utf-16le" : isBig ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new Error("it is not a text in UTF-8");
  }
}
