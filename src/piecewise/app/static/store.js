/** The state of the page, and who is called when a part of it changes. */

/** @type {State} */
export const state = {
  connection: "opening",
  project: null,
  attempts: [],
  teaching: { type: "waiting", message: "" },
  thorough: { state: "idle" },
  jobs: {},
  question: null,
  walk: null,
  chosen: null,
  muted: [],
  pending: [],
  place: "look",
  view: {},
  importing: null,
  imported: null,
  asked: null,
  weights: null,
  order: "added",
  way: "pictures",
  problem: "",
};

/** @type {Map<keyof State, Set<() => void>>} */
const watchers = new Map();

/**
 * Call a function now and after every change of these parts of the state.
 * @param {(keyof State)[]} names
 * @param {() => void} react
 */
export function watch(names, react) {
  for (const name of names) {
    const known = watchers.get(name) ?? new Set();
    watchers.set(name, known.add(react));
  }
  react();
}

/** @param {Partial<State>} changes */
export function update(changes) {
  Object.assign(state, changes);
  const names = /** @type {(keyof State)[]} */ (Object.keys(changes));
  const called = new Set(names.flatMap((name) => [...(watchers.get(name) ?? [])]));
  for (const react of called) react();
}

/** The attempt whose net answers. */
export function currentAttempt() {
  return state.attempts.find((one) => one.number === state.project?.attempt) ?? null;
}

/** The kind of the samples; of an empty project, the kind that a person is about to add. */
export function kindNow() {
  return state.project?.is_empty === false ? state.project.kind : state.way;
}
