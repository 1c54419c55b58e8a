/** The strip at the top: what is taught, how right it is, its knobs, and its attempts. */

import { attemptDots } from "app/attempts.js";
import { knobs } from "app/knobs.js";
import { progressBar } from "app/jobs.js";
import { change } from "app/samples.js";
import { currentAttempt, kindNow, state, update, watch } from "app/store.js";
import { answerWords } from "app/words/answer.js";
import { words } from "app/words/en.js";
import { element, svgElement } from "piecewise/text.js";

const [WIDTH, HEIGHT] = [150, 34];
const LONG = 400; // milliseconds of teaching
const LEAST_FOR_SHARE = 30; // samples; of fewer, the score is a count

export function strip() {
  return element(
    "section",
    { class: "strip", "aria-label": words.teaching },
    teachingState(),
    lossCurve(),
    score(),
    moreKnobs(),
    knobs(),
    attemptDots(),
    teachButtons(),
    longerTeaching(),
  );
}

/** In a narrow window, the knobs and the attempts are shown when they are asked for. */
function moreKnobs() {
  const button = element("button", {
    type: "button",
    class: "more-knobs",
    "aria-expanded": "false",
    text: words.knobs,
    onclick: () => {
      const isOpen = button.parentElement?.classList.toggle("open");
      button.setAttribute("aria-expanded", String(isOpen));
    },
  });
  return button;
}

function teachingState() {
  const title = element("b");
  const detail = element("span", { class: "sub" });
  const dot = element("span", { class: "dot", "aria-hidden": "true" });
  const box = element("div", { class: "state", role: "status" }, dot, title, detail);
  watch(["connection", "teaching", "project", "attempts", "pending", "way"], () => {
    const [heading, more] = sentences();
    title.textContent = heading;
    detail.textContent = more;
    const { type, message } = state.teaching;
    const isTaught = type === "waiting" && !message && currentAttempt(); // since the last start
    const teaching = isTaught ? "taught" : type;
    nameOldAnswer(teaching === "teaching");
    box.dataset.state = state.connection === "open" ? teaching : state.connection;
  });
  return box;
}

let timer = 0; // until the answer is named that before the change

/**
 * While a net is taught, the answer is still that of the net before; that is said if it takes long.
 * @param {boolean} isTeaching
 */
function nameOldAnswer(isTeaching) {
  const { classList } = document.documentElement;
  if (isTeaching) timer ||= setTimeout(() => classList.add("teaching-now"), LONG);
  else {
    clearTimeout(timer);
    timer = 0;
    classList.remove("teaching-now");
  }
}

/** @returns {[string, string]} */
function sentences() {
  const { connection, teaching, pending } = state;
  if (connection === "gone") return [words.stopped, words.startAgain(pending.length)];
  if (connection === "opening") return [words.opening, ""];
  const attempt = currentAttempt();
  const taught = attempt
    ? words.taughtFrom(kindNow(), attempt.samples, attempt.seconds, state.project?.unread.length)
    : "";
  switch (teaching.type) {
    case "teaching":
      return [words.teachingNow, words.epochOf(teaching.epoch ?? 0, teaching.epochs ?? 0)];
    case "failed":
      return [words.failed, teaching.message ?? ""];
    case "problems":
      return [words.problems(teaching.messages?.length ?? 0), teaching.messages?.[0] ?? ""];
    case "waiting":
      if (teaching.message) return [words.notYet, teaching.message];
  }
  if (attempt) return [words.taught, taught];
  const isEmpty = state.project?.is_empty !== false;
  return [words.notYet, isEmpty ? answerWords.first[kindNow()] : words.reading];
}

/** The loss after every epoch of the net that answers, or of the one that is taught. */
function lossCurve() {
  const picture = svgElement("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const caption = element("figcaption");
  const figure = element("figure", { class: "loss" }, picture, caption);
  /** @type {number[]} */
  let current = [];
  watch(["teaching", "attempts", "project"], () => {
    const { type, epoch, loss } = state.teaching;
    if (type === "teaching" && loss !== undefined)
      current = epoch === 1 ? [loss] : [...current.slice(0, (epoch ?? 1) - 1), loss];
    const losses = type === "teaching" ? current : (currentAttempt()?.losses ?? []);
    figure.hidden = losses.length === 0;
    if (!losses.length) return;
    caption.textContent = words.losses(losses.length);
    picture.setAttribute("aria-label", words.lossCurve(losses[0], losses[losses.length - 1]));
    picture.replaceChildren(...curve(losses, Math.max(losses.length, state.teaching.epochs ?? 0)));
  });
  return figure;
}

/**
 * @param {number[]} losses
 * @param {number} epochs
 */
function curve(losses, epochs) {
  const most = Math.max(...losses) || 1;
  const x = (/** @type {number} */ i) => (WIDTH * i) / Math.max(1, epochs - 1);
  const y = (/** @type {number} */ loss) => 2 + (HEIGHT - 4) * (1 - loss / most);
  const last = losses.length - 1;
  const base = HEIGHT - 2;
  return [
    svgElement("line", { class: "base", x1: 0, x2: WIDTH, y1: base, y2: base }),
    svgElement("polyline", { points: losses.map((loss, i) => `${x(i)},${y(loss)}`).join(" ") }),
    svgElement("circle", { cx: x(last), cy: y(losses[last]), r: 2.4 }),
  ];
}

/** The score with its interval: how right nets are about samples that they never saw. */
function score() {
  const value = element("b");
  const unit = element("span");
  const range = element("span");
  const method = element("span", { class: "method" });
  const detail = element("span", { class: "sub" }, range, method);
  const box = element("div", { class: "score" }, value, " ", unit, detail);
  watch(["attempts", "project"], () => {
    const found = currentAttempt()?.score;
    box.hidden = !found;
    if (!found) return;
    const { n, right, low, high, done, of, base, by_seat } = found;
    value.textContent = n < LEAST_FOR_SHARE ? words.countOf(right, n) : words.share(right / n);
    unit.textContent = words.right;
    range.textContent = words.interval(low, high);
    method.textContent = words.method(done, of, by_seat);
    detail.title = words.meaning(base, by_seat);
  });
  return box;
}

/** Whether something is taught that can be stopped: a sketch, or the nets of its score. */
function isTeaching() {
  const { type, done, of } = state.teaching;
  return type === "teaching" || (type === "score" && Number(done) < Number(of));
}

function teachButtons() {
  const again = element("button", { type: "button", text: words.teachAgain });
  again.addEventListener("click", () => change("POST", "/api/teach", {}));
  const stop = element("button", { type: "button", class: "act", text: words.stop });
  stop.addEventListener("click", () => change("POST", "/api/stop", {}));
  const longer = element("button", { type: "button", class: "act", text: words.teachLonger });
  longer.addEventListener("click", () => change("POST", "/api/teach", { stage: "thorough" }));
  watch(["teaching", "thorough", "connection", "attempts"], () => {
    const { type } = state.teaching;
    stop.hidden = !isTeaching();
    again.hidden = !["stopped", "failed"].includes(type);
    longer.hidden = !state.attempts.length;
    again.disabled = stop.disabled = state.connection !== "open";
    longer.disabled = again.disabled || state.thorough.state === "running";
  });
  return element("div", { class: "teach-buttons" }, again, stop, longer);
}

/** How far the longer teaching is, and the attempt that it made, until a person has seen it. */
function longerTeaching() {
  const stop = () => change("POST", "/api/stop", { stage: "thorough" });
  const bar = progressBar(words.longer, stop);
  const text = element("span", { role: "status" });
  const use = element("button", { type: "button", class: "act", text: words.answerWithIt });
  const dismiss = element("button", { type: "button", class: "plain", text: words.dismiss });
  const box = element("div", { class: "longer" }, bar.element, text, use, dismiss);
  let dismissed = 0; // an attempt
  const show = () => {
    const { thorough } = state;
    const isRunning = thorough.state === "running";
    const isOver =
      thorough.state === "failed" || (thorough.state === "done" && thorough.attempt !== dismissed);
    const isUsed = thorough.state === "done" && thorough.attempt === state.project?.attempt;
    box.hidden = !isRunning && (!isOver || isUsed);
    bar.element.hidden = !isRunning;
    use.hidden = thorough.state !== "done";
    dismiss.hidden = text.hidden = isRunning;
    if (isRunning) bar.show(thorough);
    const made = state.attempts.find((one) => one.number === thorough.attempt);
    if (thorough.state === "failed") text.textContent = thorough.message ?? "";
    else if (made) text.textContent = words.taughtLonger(made.number, made.score);
  };
  use.addEventListener("click", () =>
    change("POST", `/api/attempts/${state.thorough.attempt}/use`, {}),
  );
  dismiss.addEventListener("click", () => {
    dismissed = state.thorough.attempt ?? 0;
    if (!dismissed) update({ thorough: { state: "idle" } });
    show();
  });
  watch(["thorough", "attempts", "project"], show);
  return box;
}
