/** Answers to what is on the pad: one question at a time; of those that come meanwhile, the last. */

import { Refused, request } from "app/ask.js";
import { state, update } from "app/store.js";
import { Walk } from "piecewise/walk.js";

/** What a report has besides; it takes longer to compute. */
const EMPTY = {
  reason: null,
  image: null,
  sound: null,
  facts: [],
  attributions: [],
  robustness: [],
  top_patches: [],
};
/** @type {Question | null} */
let waiting = null;
let isAsking = false;
/** Ends when no question is asked any more. @type {Promise<void>} */
let asking = Promise.resolve();
/** The parameters of the net of the last answer, so that they are sent once. @type {Memory} */
let known = { sha256: "", arrays: new Map() };

/**
 * Ask the net about something, as soon as the question before it is answered.
 * @param {Question | null} question
 */
export function askAbout(question) {
  update({ question });
  waiting = question;
  if (!isAsking) asking = askAll();
}

/** Ask the same again, after the net has changed. */
export function askAgain() {
  if (state.question) askAbout(state.question);
}

/** Wait until no question is asked any more, as tests do. */
export const answered = () => asking;

async function askAll() {
  isAsking = true;
  while (waiting && state.project && state.connection === "open") {
    const question = waiting;
    waiting = null;
    try {
      await answer(question);
      if (state.problem) update({ problem: "" });
    } catch (error) {
      if (!(error instanceof Refused)) continue;
      // A sample may have been moved or removed meanwhile: then nothing is asked about it again.
      const isGone = error.status === 404 && "sample" in question;
      if (error.status === 409 && !state.project.attempt) continue; // there is no net to show
      if (!isGone) update({ problem: error.message });
      else if (state.question === question) update({ question: null });
    }
    await new Promise(requestAnimationFrame); // so that the answer is seen before the next one
  }
  isAsking = false;
}

/** @param {Question} question */
async function answer(question) {
  const { data, arrays, memory } = await askedAnswer({ ...question, mute: state.muted }, known);
  known = memory;
  if (state.walk) state.walk.renew(data, arrays);
  update({ walk: state.walk ?? new Walk(data, arrays) });
}

/** The parameters of a net that are known. @typedef {{ sha256: string, arrays: Map<string, Matrix> }} Memory */

/**
 * The answer to a question; what is known of the net is not sent again.
 * @param {object} question
 * @param {Memory} memory
 */
export async function askedAnswer(question, memory) {
  const values = { ...question, known: memory.sha256 };
  const { data, arrays } = await unpackedAnswer(await request("POST", "/api/answer", values));
  const { parameters_sha256: sha256 } = data;
  const now = sha256 === memory.sha256 ? memory : { sha256, arrays: parametersOf(arrays) };
  for (const [name, array] of now.arrays) if (!arrays.has(name)) arrays.set(name, array);
  return { data, arrays, memory: now };
}

/** What an answer of the server holds, as a report has it. @param {Response} response */
export async function unpackedAnswer(response) {
  const buffer = await response.arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  /** @type {AnswerData} */
  const data = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = Walk.arraysOf(buffer, 4 + length, data.arrays.shapes);
  return { data: { ...EMPTY, ...data }, arrays };
}

/** @param {Map<string, Matrix>} arrays */
function parametersOf(arrays) {
  return new Map([...arrays].filter(([name]) => !/^(activation|votes) /.test(name)));
}
