/** Changes of samples and classes. What cannot be sent yet waits until the server is back. */

import { ask, part, Refused } from "app/ask.js";
import { state, update } from "app/store.js";

let isSending = false;

/**
 * Save a drawing in a class; at once, or when the server is back.
 * @param {Pending} drawing
 */
export function saveDrawing(drawing) {
  update({ pending: [...state.pending, drawing] });
  return sendPending();
}

/** Send the drawings that wait, one after another; the id of the last one. */
export async function sendPending() {
  if (isSending) return null;
  isSending = true;
  let last = null;
  try {
    while (state.pending.length) {
      const { folder, strokes, width } = state.pending[0];
      const { ids } = await ask("POST", `/api/samples/${part(folder)}`, { strokes, width });
      last = ids[0];
      update({ pending: state.pending.slice(1) });
    }
  } catch (error) {
    if (!(error instanceof Refused)) return last; // the server is gone; they are sent later
    update({ pending: state.pending.slice(1), problem: error.message });
  } finally {
    isSending = false;
  }
  return last;
}

/**
 * Do something on the server, and show why not if it is refused. Undefined if it failed.
 * @param {string} method
 * @param {string} path
 * @param {object | Blob} [body]
 */
export async function change(method, path, body) {
  try {
    const answer = await ask(method, path, body);
    if (state.problem) update({ problem: "" });
    return answer;
  } catch (error) {
    if (error instanceof Refused) update({ problem: error.message });
    return undefined;
  }
}

/**
 * The folder of a new class; undefined if there is none.
 * @param {string} name
 * @returns {Promise<string | undefined>}
 */
export async function addClass(name) {
  return (await change("POST", "/api/classes", { name }))?.folder;
}

/**
 * Ids of samples of a class, the newest first.
 * @param {string} folder
 * @param {Part} where
 * @param {number} count
 * @param {number} [from]
 * @param {Order} [order]
 * @returns {Promise<{ total: number, ids: string[] }>}
 */
export function samplesOf(folder, where, count, from = 0, order = "added") {
  const numbers = { count: String(count), from: String(from), order };
  const query = new URLSearchParams({ folder, part: where, ...numbers });
  return ask("GET", `/api/samples?${query}`);
}
