/** The chosen samples, of all classes. */

import { change } from "app/samples.js";
import { state, watch } from "app/store.js";

/** The ids of the chosen samples. @type {Set<string>} */
export const chosen = new Set();
/** @type {Set<() => void>} */
const reactions = new Set();

/** Call a function after every change of the choice. @param {() => void} react */
export function whenChosen(react) {
  reactions.add(react);
  react();
}

/**
 * @param {Iterable<string>} ids
 * @param {boolean} isChosen
 */
export function choose(ids, isChosen) {
  for (const id of ids) {
    if (isChosen) chosen.add(id);
    else chosen.delete(id);
  }
  for (const react of reactions) react();
}

export function chooseNone() {
  choose([...chosen], false);
}

/** The chosen samples, none of which is chosen any more. */
function take() {
  const ids = [...chosen];
  chooseNone();
  return ids;
}

export async function removeChosen() {
  if (chosen.size) await change("POST", "/api/remove", { ids: take() });
}

/**
 * Move the chosen samples to a class, or leave them in theirs, and to a part.
 * @param {string | null} folder
 * @param {Part | null} where null: the part that each has
 */
export async function moveChosen(folder, where) {
  const ids = take();
  const parts = where ? [where] : /** @type {Part[]} */ (["train", "test"]);
  for (const part of parts) {
    const own = where ? ids : ids.filter((id) => id.startsWith(`${part}/`));
    if (own.length) await change("POST", "/api/move", { ids: own, folder, part });
  }
}

/** Keep the chosen samples for the test; or use them for learning, if all are kept already. */
export function switchPart() {
  const isTest = [...chosen].every((id) => id.startsWith("test/"));
  return moveChosen(null, isTest ? "train" : "test");
}

// Samples of classes that are gone are not chosen any more.
watch(["project"], () => {
  const folders = new Set(state.project?.classes.map(({ folder }) => folder));
  const gone = [...chosen].filter((id) => !folders.has(id.split("/")[1]));
  if (gone.length) choose(gone, false);
});
