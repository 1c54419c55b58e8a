/**
 * Words, letters and n-grams of a text. What each character is, and how case is folded, stands in
 * tables of the file, so that the version of Unicode that a browser knows does not matter.
 */

/**
 * @param {TextSettings} settings
 * @returns {(text: string) => string[]}
 */
export function createTokenizer(settings) {
  const kindOf = kindTable(settings.kinds);
  const foldOf = foldTable(settings);
  const invisible = new RegExp(settings.invisible, "gu");
  const wordPattern = new RegExp(settings.word, "gu");

  /**
   * Composed letters; characters that piecewise does not know are left as they are.
   * @param {string} text
   */
  function composed(text) {
    const pieces = [""];
    for (const character of text) {
      if (kindOf(character) === "U") pieces.push(character, "");
      else pieces[pieces.length - 1] += character;
    }
    return pieces.map((piece, i) => (i % 2 ? piece : piece.normalize("NFC"))).join("");
  }

  /**
   * The characters in lower case, without invisible ones, every digit as 0.
   * @param {string} text
   */
  function plain(text) {
    const folded = [...composed(text.replace(invisible, ""))].map(foldOf).join("");
    return [...composed(folded)].map((character) => {
      const kind = symbolOf(character);
      return "0' ".includes(kind) ? kind : character;
    });
  }

  /** L for letters and marks, 0 for digits, ' for apostrophes, a space, or S for symbols.
   * @param {string} character */
  function symbolOf(character) {
    if (character === "'" || character === "\u2019") return "'";
    const kind = kindOf(character);
    return kind === "O" ? "L" : kind === "U" ? "S" : kind;
  }

  /** The words of a text as lists of characters. @param {string} text */
  function words(text) {
    const characters = plain(text);
    const kinds = characters.map(symbolOf).join("");
    return [...kinds.matchAll(wordPattern)].map(({ index, 0: run }) => {
      const most = run[0] === "0" ? settings.digits : run.length;
      return characters.slice(index, index + Math.min(run.length, most));
    });
  }

  /** @param {string[]} word */
  const cut = (word) => word.slice(0, settings.word_length).join("");

  /** The parts of a word: its beginnings, its ends, and those inside it. @param {string[]} word */
  function parts(word) {
    if (symbolOf(word[0]) !== "L") return [];
    const longest = Math.min(settings.affix, word.length - 1);
    const found = [];
    for (let size = 1; size <= longest; size++) found.push(`${word.slice(0, size).join("")}-`);
    for (let size = 1; size <= longest; size++) found.push(`-${word.slice(-size).join("")}`);
    for (const size of kindOf(word[0]) === "O" ? settings.caseless : settings.middle) {
      for (let start = 1; start < word.length - size; start++) {
        found.push(`-${word.slice(start, start + size).join("")}-`);
      }
    }
    return found;
  }

  /** The start, then words, then sequences of two and three words, then parts of words.
   * @param {string} text */
  function ngrams(text) {
    const runs = words(text);
    const whole = runs.map(cut);
    const marked = whole.length ? [settings.start, ...whole, settings.end] : [];
    const found = [...marked.slice(0, 1), ...whole];
    for (const size of [2, 3]) {
      for (let start = 0; start + size <= marked.length; start++) {
        found.push(marked.slice(start, start + size).join(" "));
      }
    }
    for (const run of runs) found.push(...parts(run));
    return found;
  }

  switch (settings.units) {
    case "words":
      return (text) => words(text).map(cut);
    case "letters":
      return (text) => [...plain(text).join("").split(" ").filter(Boolean).join(" ")];
    case "n-grams":
      return ngrams;
  }
}

/**
 * The function that finds the kind of a character in a table of runs, such as "S1tLq".
 * @param {string} runs
 * @returns {(character: string) => string}
 */
function kindTable(runs) {
  const [starts, kinds] = [/** @type {number[]} */ ([]), /** @type {string[]} */ ([])];
  let code = 0;
  for (const [, kind, length] of runs.matchAll(/([A-Z_])([0-9a-z]+)/g)) {
    starts.push(code);
    kinds.push(kind === "_" ? " " : kind === "D" ? "0" : kind);
    code += parseInt(length, 36);
  }
  return (character) => {
    const wanted = /** @type {number} */ (character.codePointAt(0));
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= wanted) low = middle;
      else high = middle - 1;
    }
    return kinds[low];
  };
}

/**
 * The function that folds the case of a character.
 * @param {TextSettings} settings
 * @returns {(character: string) => string}
 */
function foldTable({ folded, folded_apart }) {
  const table = new Map(folded_apart.map(([code, text]) => [String.fromCodePoint(code), text]));
  for (const [start, count, step, difference] of folded) {
    for (let i = 0; i < count; i++) {
      const code = start + i * step;
      table.set(String.fromCodePoint(code), String.fromCodePoint(code + difference));
    }
  }
  return (character) => table.get(character) ?? character;
}
