/** What the small net says to a drawing of the learner: one question at a time, the last one counts. */

import { request } from "app/ask.js";
import { unpackedAnswer } from "app/live.js";
import { Walk } from "piecewise/walk.js";

/**
 * What is asked: a drawing by its number, how far it is moved, which of its pixels are flipped, and
 * which maps do not vote.
 * @typedef {{ drawing: number, down: number, right: number, flipped: [number, number][],
 *   mute: [string, number][] }} Asked
 * @typedef {ExplainData & { pixels: Pixels, label: number, ink: number, shared_ink: number,
 *   changed: Record<string, number> }} SmallData
 */

export class SmallWalk {
  /** @param {() => void} changed called after every answer */
  constructor(changed) {
    this.changed = changed;
    /** @type {Asked} */
    this.asked = { drawing: 0, down: 0, right: 0, flipped: [], mute: [] };
    /** @type {Walk | null} */
    this.walk = null;
    this.isAsking = false;
    this.isOld = false;
  }

  /** @returns {SmallData} */
  get data() {
    return /** @type {any} */ (this.walk?.data);
  }

  /** Ask about something else. @param {Partial<Asked>} values */
  async ask(values) {
    Object.assign(this.asked, values);
    this.isOld = true;
    if (this.isAsking) return;
    this.isAsking = true;
    try {
      while (this.isOld) {
        this.isOld = false;
        const response = await request("POST", "/api/small-net/walk", this.asked);
        const { data, arrays } = await unpackedAnswer(response);
        if (this.walk) this.walk.renew(data, arrays);
        else this.walk = new Walk(data, arrays);
        this.changed();
      }
    } finally {
      this.isAsking = false;
    }
  }
}
