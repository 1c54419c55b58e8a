/**
 * The knobs are turned here, one after another. Each turn says what the page knew before, so that a
 * change of another window is not overwritten: a person then sees both values.
 */

import { ask, Refused } from "app/ask.js";
import { state, update } from "app/store.js";
import { words } from "app/words/en.js";

/** The turns before. @type {Promise<unknown>} */
let last = Promise.resolve();
/**
 * A turn: what it sets, what the page knew before, the turn of the same knob before it if that was
 * not answered yet, and whether it was refused.
 * @typedef {{ value: any, known: any, earlier?: Turn, isRefused?: boolean }} Turn
 */
/** The last turn of each knob that is not answered yet. @type {Map<string, Turn>} */
const unanswered = new Map();

/**
 * The value of a knob, `layers` or one of the recipe, with the turns that are not answered yet;
 * undefined if it is chosen.
 * @param {string} name
 */
export function knobValue(name) {
  const turned = unanswered.get(name);
  if (turned) return turned.value;
  const { layers, recipe = {} } = state.project?.settings ?? {};
  return name === "layers" ? layers : recipe[name];
}

/**
 * Turn a knob. What is wrong with the value; empty if nothing, null if another window has turned it.
 * @param {string} name
 * @param {any} value undefined to have it chosen
 * @param {any} [known] the value that the person saw, where that may be another one than now
 * @returns {Promise<string | null>}
 */
export function turnKnob(name, value, known = knobValue(name)) {
  const turned = { value, known, earlier: unanswered.get(name) };
  unanswered.set(name, turned);
  const turn = last.then(() => send(name, turned));
  last = turn.catch(() => {});
  return turn;
}

/**
 * @param {string} name
 * @param {Turn} turned
 */
async function send(name, turned) {
  const { value, earlier } = turned;
  if (earlier?.isRefused) turned.known = earlier.known; // nothing has changed
  turned.earlier = undefined;
  const forget = () => unanswered.get(name) === turned && unanswered.delete(name);
  try {
    const sent = ask("PATCH", "/api/project", body(name, value, turned.known));
    const answer = await sent.finally(forget);
    const { project } = state;
    if (project) update({ project: { ...project, settings: answer.settings } });
    return "";
  } catch (error) {
    turned.isRefused = !(error instanceof Refused) || error.status !== 409;
    if (!(error instanceof Refused)) return words.stopped;
    if (turned.isRefused) return error.message;
    const project = await ask("GET", "/api/project");
    update({ project });
    const { showConflict } = await import("app/conflict.js");
    showConflict(name, knobValue(name), value, () => turnKnob(name, value));
    return null;
  }
}

/**
 * Call the project or a class by another name. If another window has done that meanwhile, a person
 * sees both names.
 * @param {"project" | "class"} what
 * @param {string} path
 * @param {string} name
 * @param {string} known the name that the person saw
 */
export async function rename(what, path, name, known) {
  const was = what === "class" ? known : { name: known };
  try {
    await ask("PATCH", path, { name, was });
    if (state.problem) update({ problem: "" });
  } catch (error) {
    if (!(error instanceof Refused)) return;
    if (error.now === undefined) return update({ problem: error.message });
    const { showConflict } = await import("app/conflict.js");
    showConflict(what, error.now, name, () => rename(what, path, name, error.now));
  }
}

/**
 * @param {string} name
 * @param {any} value
 * @param {any} known
 */
function body(name, value, known) {
  if (name === "layers") return { layers: value ?? null, was: { layers: known ?? null } };
  const recipe = state.project?.settings.recipe;
  const isNew = recipe === undefined && known === undefined;
  const was = isNew ? null : { ...recipe, [name]: known };
  return { recipe: { ...recipe, [name]: value }, was: { recipe: was } };
}
