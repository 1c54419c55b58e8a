/** The knobs of a column: its features, kernel and window, and what can be done with its layers. */

import { change } from "app/samples.js";
import { signButton } from "app/sign_button.js";
import { currentAttempt, state, update, watch } from "app/store.js";
import { knobValue, turnKnob } from "app/turn.js";
import { lookWords as words } from "app/words/look.js";
import { element } from "piecewise/text.js";

/**
 * An edit of layers, as the server checks it.
 * @typedef {{ edit: string, value: string, layers: string, is_current: boolean,
 *   shape: number[] | null, parameters: number | null, products: number | null,
 *   message: string | null }} Edit
 */

/** Layers that were chosen and are not taught yet, and those that they replace. */
let wanted = { from: "", layers: "" };
watch(["project"], () => {
  if (state.project?.settings.layers !== wanted.layers) wanted = { from: "", layers: "" };
});

function layersNow() {
  const own = currentAttempt()?.layers ?? "";
  return own && wanted.from === own ? wanted.layers : own;
}

/** The layers that the project had when a person last saw edits of them. @type {string | undefined} */
let known;

/** Teach these layers; whether they are taken. @param {string} layers */
async function use(layers) {
  wanted = { from: currentAttempt()?.layers ?? "", layers };
  const message = await turnKnob("layers", layers, known);
  if (message) update({ problem: message });
  return message === "";
}

/**
 * @param {number} column
 * @param {string} [knob]
 * @returns {Promise<Edit[]>}
 */
async function editsOf(column, knob) {
  known = knobValue("layers");
  const answer = await change("POST", "/api/edits", { layers: layersNow(), column, knob });
  return answer?.edits ?? [];
}

/**
 * Make an edit of a column by its name, if a net can have it.
 * @param {number} column
 * @param {string} name
 */
async function makeEdit(column, name) {
  const found = (await editsOf(column)).find(({ edit }) => edit === name);
  if (found && !found.message) await use(found.layers);
}

/** @type {typeof import("app/popup.js").openChoices} */
async function openList(button, label, choices) {
  const { openChoices } = await import("app/popup.js"); // needed only now
  openChoices(button, label, choices);
}

/**
 * The knobs of a column.
 * @param {Walk} walk
 * @param {Layer[]} block
 * @param {number} column its number; 0 is the input
 */
export function columnKnobs(walk, block, column) {
  const [head] = block;
  const box = element("div", { class: "column-knobs", role: "group" });
  box.setAttribute("aria-label", words.knobsOf(head.name));
  const pool = block.find(({ word }) => word === "pool");
  if (head.word === "conv") {
    box.append(stepper(column, "features", String(head.shape[0]), words.features));
    box.append(stepper(column, "kernel", head.kernel.join("\u00d7"), () => ""));
  }
  if (head.word === "full" && head.name !== walk.last)
    box.append(stepper(column, "neurons", String(head.shape[0]), words.neurons));
  if (head.word === "embed")
    box.append(stepper(column, "channels", String(head.shape[0]), words.channels));
  if (pool) box.append(stepper(column, "window", windowOf(pool), words.pool));
  return box;
}

/** The window of a pooling layer, from its notation. @param {Layer} pool */
function windowOf({ notation }) {
  const [, size = ""] = notation.split(" ");
  return /^\d+$/.test(size) ? `${size}\u00d7${size}` : size.replace("x", "\u00d7");
}

/**
 * A value with buttons for the one before and the next one, and a list of all.
 * @param {number} column
 * @param {string} knob
 * @param {string} value
 * @param {(value: string) => string} unit
 */
function stepper(column, knob, value, unit) {
  const name = words.knobs[knob];
  const say = (/** @type {string} */ text) => [text, unit(text)].filter(Boolean).join(" ");
  const number = element("span", { text: value });
  const middle = element(
    "button",
    {
      type: "button",
      class: "value-button",
      "aria-haspopup": "true",
      "aria-label": `${name}: ${value}`,
      "data-key": `${column} ${knob}`,
      onclick: () => open(),
    },
    number,
    unit(value) ? element("span", { class: "unit", text: ` ${unit(value)}` }) : null,
  );
  const show = async (/** @type {Edit} */ edit) => {
    const before = number.textContent;
    number.textContent = edit.value; // until the net is there
    if (!(await use(edit.layers))) number.textContent = before;
  };
  const open = async () => {
    const edits = await editsOf(column, knob);
    const choices = edits.map((edit) => ({
      name: say(edit.value),
      detail: costOf(edit),
      isCurrent: edit.is_current,
      refusal: edit.message,
      choose: () => show(edit),
    }));
    if (choices.length) await openList(middle, name, choices);
  };
  const step = async (/** @type {number} */ by) => {
    const edits = await editsOf(column, knob);
    const next = edits[edits.findIndex((edit) => edit.is_current) + by];
    if (next && !next.message) await show(next);
    else if (next) await open(); // it says why not
  };
  const key = `${column} ${knob}`;
  return element(
    "span",
    { class: "stepper", role: "group", "aria-label": name },
    signButton("\u2212", words.less(name), () => step(-1), `${key} -1`),
    middle,
    signButton("+", words.more(name), () => step(1), `${key} 1`),
  );
}

/** @param {Edit} edit */
function costOf({ shape, parameters, products }) {
  if (!shape || parameters === null || products === null) return "";
  return words.cost(shape.slice(1).join("\u00d7"), parameters, products);
}

/**
 * The button that opens what can be done with a column; keys do some of it at once.
 * @param {Layer[]} block
 * @param {number} column
 */
export function menuButton(block, column) {
  const label = words.editColumn(block[0].name);
  const button = element("button", {
    type: "button",
    class: "column-menu",
    text: column ? "\u22ef" : "+",
    "aria-label": label,
    "aria-haspopup": "true",
    "data-key": `${column} menu`,
    title: column ? words.columnKeys : label,
  });
  button.addEventListener("click", async () => {
    const edits = await editsOf(column);
    const choices = edits.map((edit) => ({
      name: words.edits(
        edit.edit,
        block.some(({ word }) => word === edit.edit),
      ),
      detail: edit.parameters === null ? "" : words.weightCount(edit.parameters),
      refusal: edit.message,
      choose: () => use(edit.layers),
    }));
    if (choices.length) await openList(button, label, choices);
  });
  button.addEventListener("keydown", (event) => {
    const name = keyEdit(event);
    if (!name || !column) return;
    event.preventDefault();
    event.stopPropagation();
    makeEdit(column, name);
  });
  return button;
}

/** @param {KeyboardEvent} event */
function keyEdit(event) {
  if (event.altKey && event.key === "ArrowLeft") return "left";
  if (event.altKey && event.key === "ArrowRight") return "right";
  if (event.ctrlKey || event.metaKey || event.altKey) return "";
  return { Delete: "remove", d: "duplicate" }[event.key] ?? "";
}

/**
 * Move a column to the left or the right, if a net can have it there.
 * @param {number} column
 * @param {number} by
 */
export async function moveColumn(column, by) {
  known = knobValue("layers");
  let layers = layersNow();
  let message = null;
  for (let at = column; at !== column + by; at += Math.sign(by)) {
    const answer = await change("POST", "/api/edits", { layers, column: at });
    const name = by < 0 ? "left" : "right";
    const edit = answer?.edits.find((/** @type {Edit} */ one) => one.edit === name);
    if (!edit) return;
    ({ layers, message } = edit); // only the last place has to be possible
  }
  if (message) update({ problem: message });
  else await use(layers);
}

/**
 * Offer fewer features for a column of which some maps never answer.
 * @param {number} column
 * @param {number} features
 */
export async function tryFeatures(column, features) {
  const edits = await editsOf(column, "features");
  const fitting = edits.filter(({ value, message }) => Number(value) <= features && !message);
  const best = fitting[fitting.length - 1];
  if (best) await use(best.layers);
}
