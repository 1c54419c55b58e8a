/** Look inside: the pad and the classes, the net of the current answer, and the answer. */

import { setView } from "app/address.js";
import { classList, teachButtons } from "app/classes.js";
import { Inputs } from "app/inputs.js";
import { askAbout } from "app/live.js";
import { Pad } from "app/pad.js";
import { addClass, change, samplesOf, saveDrawing } from "app/samples.js";
import { says } from "app/says.js";
import { kindNow, state, update, watch } from "app/store.js";
import { withStyle } from "app/styles.js";
import { answerWords } from "app/words/answer.js";
import { words } from "app/words/en.js";
import { part } from "app/ask.js";
import { element } from "piecewise/text.js";

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
  const section = element("section", { class: "net empty", "aria-label": words.net });
  let visit = () => {}; // opens the number that the address names
  watch(["walk"], () => {
    if (state.walk) window.piecewise ??= { walk: state.walk }; // for the console
  });
  /** Show what the address names. */
  function readView() {
    const { view, question, place } = state;
    if (place !== "look") return;
    if (view.on && view.on !== question?.sample) lookAt(view.on, false);
    visit();
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
    if (!text && !file && !strokes.length)
      return update({ problem: answerWords.nothingToSave[kindNow()] });
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

  watch(["view", "attempts"], readView);
  let isLooking = false; // for a sample to show
  /** Show the newest sample of a class, so that maps are there; also the first that came in. */
  async function showSample() {
    const own = state.project?.classes.find(({ train }) => train > 0);
    if (!own || isLooking || pad.strokes.length) return;
    isLooking = true;
    const { ids } = await samplesOf(own.folder, "train", 1).catch(() => ({ ids: [] }));
    isLooking = false;
    const isFree = state.place === "look" && !state.question && !state.view.on;
    if (ids.length && isFree && !pad.strokes.length) lookAt(ids[0], false);
  }
  whenOpened(async () => {
    // What the pad held before the page was loaded anew.
    if (!state.view.on && kindNow() === "pictures") pad.restore(keptStrokes());
    watch(["project", "place"], () => {
      if (state.place === "look" && !state.question && !state.view.on) showSample();
    });
    const { netView } = await withStyle("net", import("app/net_view.js"));
    visit = netView(section, pad);
  });
  watch(["place"], () => {
    const { strokes, width = pad.width, sample, text } = state.question ?? {};
    if (state.place !== "look" || state.view.on) return;
    // What was asked in another place is shown here, too.
    if (strokes && strokes !== pad.strokes) pad.restore({ strokes, width });
    else if (sample) inputs.lookAt(sample);
    else if (text !== undefined) inputs.text.value = text;
  });
  watch(["question", "place"], () => {
    if (state.place !== "look" || state.question || !state.walk) return;
    setView({ on: null }, false); // what was shown is removed
    showSample();
  });
  const making = element(
    "section",
    { class: "draw" },
    inputs.element,
    inputs.hint,
    element("h2", { text: words.teach }),
    teachButtons(choose),
    element("h2", { text: words.learned }),
    classList(lookAt),
  );
  watch(["project", "way"], () => {
    making.setAttribute("aria-label", answerWords.inputs[kindNow()]);
  });
  bench.append(making, section, beginning(), answer);
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

/** How an empty project begins; loaded when it is one. */
function beginning() {
  const place = element("div", { hidden: true });
  let isLoading = false;
  watch(["project"], async () => {
    if (isLoading || !state.project?.is_empty) return;
    isLoading = true;
    place.replaceWith((await import("app/gather/welcome.js")).welcome());
  });
  return place;
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
