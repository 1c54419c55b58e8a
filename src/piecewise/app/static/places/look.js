/** Look inside: the pad and the classes, the net of the current answer, and the answer. */

import { cellOf, cellText, setView } from "app/address.js";
import { arithmetic } from "app/arithmetic.js";
import { chooseMap } from "app/chosen.js";
import { classList, teachButtons } from "app/classes.js";
import { Inputs } from "app/inputs.js";
import { askAbout } from "app/live.js";
import { welcome } from "app/gather/welcome.js";
import { Net } from "app/net.js";
import { Pad } from "app/pad.js";
import { addClass, change, samplesOf, saveDrawing } from "app/samples.js";
import { says } from "app/says.js";
import { state, update, watch } from "app/store.js";
import { words } from "app/words/en.js";
import { part } from "app/ask.js";
import { panel } from "piecewise/panel.js";
import { element } from "piecewise/text.js";
import { termsOf } from "piecewise/views/index.js";

const KEPT = "piecewise pad";

export function look() {
  const { section: answer, speak } = says();
  const pad = new Pad((isDrawing) => {
    if (pad.strokes.length) {
      setView({ on: null }, false);
      askAbout({ strokes: pad.strokes, width: pad.width });
    }
    if (isDrawing) return;
    keepStrokes(pad);
    speakLater();
  });
  const inputs = new Inputs(pad);
  /** After the answer to the last stroke is there. */
  const speakLater = () => setTimeout(speak, 300);
  const bench = element("div", { class: "bench" });
  /** @type {ReturnType<typeof panel> | null} */
  let opened = null;
  const net = new Net(
    (position) => opened?.openNumber(position),
    (span) => pad.mark(span),
  );
  /** Show the row of a map. @param {string} layer @param {number} map */
  const showMap = (layer, map) => {
    opened?.close();
    chooseMap(layer, map);
    const row = net.section.querySelector(".map-row");
    row?.scrollIntoView({ block: "nearest" });
  };
  watch(["walk"], () => {
    const { walk } = state;
    if (!walk) return undefined;
    if (opened) return opened.refresh();
    const onOpen = (/** @type {Position | null} */ position) => {
      setView({ cell: position && cellText(position) });
      bench.classList.toggle("opened-number", position !== null);
      if (position && position[0] !== "input") chooseMap(position[0], position[1]);
      net.pin(position);
    };
    opened = panel(walk, onOpen, arithmetic(showMap));
    bench.append(opened.aside);
    window.piecewise = { walk, termsOf, openNumber: opened.openNumber }; // for the console
    readView();
    return undefined;
  });
  /** Show what the address names. */
  function readView() {
    const { walk, view, question, place } = state;
    if (place !== "look") return;
    if (view.on && view.on !== question?.sample) lookAt(view.on, false);
    const cell = cellOf(view.cell);
    if (walk && opened && (!cell || walk.has(cell))) opened.visit(cell);
    const attempt = Number(view.attempt);
    const isOther = attempt && attempt !== state.project?.attempt;
    if (isOther && state.attempts.some(({ number }) => number === attempt))
      change("POST", `/api/attempts/${attempt}/use`, {});
  }

  /**
   * Show a sample, and what the net says to it.
   * @param {string} id
   * @param {boolean} [isStep]
   */
  const lookAt = (id, isStep = true) => {
    setView({ on: id }, isStep);
    inputs.lookAt(id);
    askAbout({ sample: id });
  };

  /** Save what is on the pad, or the text, in a class. @param {ProjectClass} one */
  async function choose(one) {
    sessionStorage.removeItem(KEPT);
    const { strokes, text, file } = inputs.take();
    if (!text && !file && !strokes.length) return update({ problem: words.nothingToSave });
    const folder = one.folder || (await addClass(one.name));
    if (!folder) return undefined;
    if (text) await change("POST", `/api/samples/${part(folder)}`, { texts: [text] });
    else if (file) await change("POST", `/api/files/${part(folder)}?name=${part(file.name)}`, file);
    else {
      const id = await saveDrawing({ folder, strokes, width: pad.width });
      if (id && !pad.strokes.length) lookAt(id, false);
    }
    return undefined;
  }

  const isPictures = () => state.project?.kind === "pictures";
  watch(["view", "attempts"], readView);
  /** What the pad held before; or the newest sample of a class, so that maps are there. */
  async function showFirst() {
    if (state.view.on) return;
    if (isPictures()) pad.restore(keptStrokes());
    const own = state.project?.classes.find(({ train }) => train > 0);
    if (!own || pad.strokes.length) return;
    const { ids } = await samplesOf(own.folder, "train", 1);
    if (ids.length && !state.question) lookAt(ids[0], false);
  }
  whenOpened(showFirst);
  watch(["place"], () => {
    const { strokes, width = pad.width } = state.question ?? {};
    if (state.place === "look" && strokes && strokes !== pad.strokes)
      pad.restore({ strokes, width }); // drawn in another place
  });
  bench.append(
    element(
      "section",
      { class: "draw", "aria-label": words.drawing },
      inputs.element,
      inputs.hint,
      element("h2", { text: words.teach }),
      teachButtons(choose),
      element("h2", { text: words.learned }),
      classList(lookAt),
    ),
    net.section,
    welcome(),
    answer,
  );
  const keys = { c: () => pad.clear() };
  return { element: bench, choose, undo: () => pad.undo(), keys };
}

/** Keep what is on the pad in case that the page is loaded anew. @param {Pad} pad */
function keepStrokes({ strokes, width }) {
  sessionStorage.setItem(KEPT, JSON.stringify({ strokes, width }));
}

/** @returns {{ strokes: Stroke[], width: number } | null} */
function keptStrokes() {
  return JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
}

/** Do something as soon as the project is known. @param {() => void} act */
function whenOpened(act) {
  let isDone = false;
  watch(["project"], () => {
    if (isDone || !state.project) return;
    isDone = true;
    act();
  });
}
