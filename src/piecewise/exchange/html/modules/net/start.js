/** The net of this file as `piecewise`: its functions, for the page and for other scripts. */

import { createNet, softmax } from "./net.js";

/**
 * @typedef {object} Preparation
 * @property {(bytes: Uint8Array) => Promise<Example>} decode
 * @property {(example: any) => Prepared} prepare
 * @property {(text: string) => string[]} [tokens]
 */

/** @param {(settings: any, data: NetData) => Preparation} createPreparation */
export function start(createPreparation) {
  /** @param {string} id */
  const content = (id) => document.getElementById(id)?.textContent ?? "";
  /** @type {NetData} */
  const data = JSON.parse(content("data"));
  const logits = createNet(data, content("parameters"));
  const { decode, prepare, tokens } = createPreparation(data.settings, data);
  /** @param {ArrayLike<number>} values */
  const probabilities = (values) => softmax(values, data.temperature);
  globalThis.piecewise = {
    data,
    logits,
    probabilities,
    decode,
    prepare,
    tokens: tokens ?? (() => []),
    classify(example) {
      const prepared = prepare(example);
      const mean = meanOf(prepared.inputs.map(logits));
      return { ...prepared, logits: mean, probabilities: probabilities(mean) };
    },
  };
}

/** @param {number[][]} rows */
function meanOf(rows) {
  return rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);
}
