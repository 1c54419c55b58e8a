/** The knobs: the layers in their notation, the epochs and the learning rate. */

import { ask, Refused } from "app/ask.js";
import { currentAttempt, state, watch } from "app/store.js";
import { words } from "app/words/en.js";
import { knobValue, turnKnob } from "app/turn.js";
import { element, separated } from "piecewise/text.js";

const WAIT = 150; // milliseconds after the last key until the layers are checked

export function knobs() {
  const layers = layersKnob();
  const tricks = element("div", { hidden: true }); // their knob, as soon as it is loaded
  const box = element(
    "div",
    { class: "knobs", role: "group", "aria-label": words.knobs },
    numberKnob("epochs", words.epochs, { min: 1, max: 1000, step: 1 }),
    numberKnob("learning_rate", words.rate, { min: 0, max: 1, step: "any" }),
    tricks,
    layers,
  );
  let isLoading = false;
  watch(["attempts"], async () => {
    box.hidden = state.attempts.length === 0; // there is nothing to turn yet
    if (box.hidden || isLoading) return;
    isLoading = true;
    tricks.replaceWith((await import("app/tricks_knob.js")).tricksKnob());
  });
  return box;
}

/**
 * A number of the recipe: as it was chosen, or as a person sets it; empty means chosen.
 * @param {string} name
 * @param {string} label
 * @param {Record<string, number | string>} limits
 */
function numberKnob(name, label, limits) {
  const field = element("input", { type: "number", ...limits });
  const problem = element("span", { class: "problem", role: "alert" });
  let turns = 0;
  let known = knobValue(name); // what the person sees: a knob that is held does not move
  field.addEventListener("change", async () => {
    const value = field.value === "" ? undefined : Number(field.value);
    const turned = turnKnob(name, value, known);
    known = value; // the next turn may come before this one is done
    turns += 1;
    problem.textContent = await turned;
    turns -= 1;
    if (!turns) known = knobValue(name);
    show();
  });
  field.addEventListener("blur", () => show());
  const show = () => {
    if (document.activeElement === field || turns) return;
    known = knobValue(name);
    const used = currentAttempt()?.recipe[name];
    field.value = String(known ?? "");
    field.placeholder =
      used === undefined || used === null ? "" : separated(Number(Number(used).toPrecision(3)));
  };
  watch(["project", "attempts"], show);
  return element("label", { class: "knob" }, element("span", { text: label }), field, problem);
}

/** The layers, checked while they are typed; what is wrong is said beside them. */
function layersKnob() {
  const field = element("textarea", {
    id: "layers",
    rows: 2,
    spellcheck: "false",
    autocapitalize: "off",
    "aria-describedby": "layers-check",
  });
  const check = element("div", { id: "layers-check", class: "check", role: "status" });
  const summary = element(
    "summary",
    {},
    element("span", { text: words.layers }),
    element("strong"),
  );
  let timer = 0;
  let known = knobValue("layers"); // as the person saw them
  const teach = async (/** @type {string | undefined} */ layers) => {
    const turned = turnKnob("layers", layers, known);
    known = layers; // the next turn may come before this one is done
    const message = await turned;
    if (message) check.replaceChildren(element("p", { class: "problem", text: message }));
    known = knobValue("layers");
  };
  const examine = async () => {
    const layers = field.value.trim() || currentAttempt()?.layers;
    if (!layers) return check.replaceChildren();
    try {
      const found = await ask("POST", "/api/check", { layers });
      check.replaceChildren(layerTable(found));
      field.removeAttribute("aria-invalid");
    } catch (error) {
      if (!(error instanceof Refused)) return undefined;
      check.replaceChildren(element("p", { class: "problem", text: error.message }));
      field.setAttribute("aria-invalid", "true");
    }
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(examine, WAIT);
  });
  const use = element("button", {
    type: "button",
    class: "act",
    text: words.useLayers,
    onclick: () => teach(field.value.trim() || undefined),
  });
  const chosen = element("button", {
    type: "button",
    text: words.chosenLayers,
    onclick: () => {
      field.value = "";
      teach(undefined);
    },
  });
  const box = element(
    "div",
    { class: "menu" },
    element("label", { for: "layers", text: words.notation }),
    field,
    check,
    element("div", { class: "row" }, use, chosen),
  );
  const details = element("details", { class: "knob layers" }, summary, box);
  details.addEventListener("toggle", () => details.open && examine());
  watch(["project", "attempts"], () => {
    const used = currentAttempt()?.layers ?? "";
    const count = summary.querySelector("strong");
    if (count) count.textContent = words.layerCount(used ? used.split(",").length : 0);
    if (details.open) return;
    known = knobValue("layers");
    field.value = known ?? used;
  });
  closeOnEscape(details, summary);
  return details;
}

/**
 * @param {HTMLDetailsElement} details
 * @param {HTMLElement} summary
 */
export function closeOnEscape(details, summary) {
  details.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !details.open) return;
    details.open = false;
    summary.focus();
    event.stopPropagation();
  });
  document.addEventListener("pointerdown", (event) => {
    if (event.target instanceof Node && !details.contains(event.target)) details.open = false;
  });
}

/** @param {{ layers: { name: string, notation: string, shape: number[], parameters: number, products: number }[], parameters: number }} found */
function layerTable({ layers, parameters }) {
  const cells = (/** @type {string[]} */ texts) =>
    texts.map((text, i) => element("td", { class: i > 1 ? "number" : null, text }));
  const rows = layers.map((one) =>
    element(
      "tr",
      {},
      element("th", { scope: "row", text: one.name }),
      ...cells([
        one.notation,
        one.shape.join("\u00d7"),
        separated(one.parameters),
        separated(one.products),
      ]).slice(0),
    ),
  );
  const head = [words.layer, words.notation, words.shape, words.weights, words.products];
  return element(
    "table",
    { class: "layer-table" },
    element("caption", { text: words.parameters(parameters) }),
    element(
      "thead",
      {},
      element("tr", {}, ...head.map((text) => element("th", { scope: "col", text }))),
    ),
    element("tbody", {}, ...rows),
  );
}
