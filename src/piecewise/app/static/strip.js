/** The strip at the top: what is taught, how right it is, its knobs, and its attempts. */

import { attemptDots } from "app/attempts.js";
import { knobs } from "app/knobs.js";
import { change } from "app/samples.js";
import { currentAttempt, state, watch } from "app/store.js";
import { words } from "app/words/en.js";
import { element, svgElement } from "piecewise/text.js";

const [WIDTH, HEIGHT] = [150, 34];
const LEAST_FOR_SHARE = 30; // samples; of fewer, the score is a count

export function strip() {
  return element(
    "section",
    { class: "strip", "aria-label": words.teaching },
    teachingState(),
    lossCurve(),
    score(),
    knobs(),
    attemptDots(),
    teachButton(),
  );
}

function teachingState() {
  const title = element("b");
  const detail = element("span", { class: "sub" });
  const dot = element("span", { class: "dot", "aria-hidden": "true" });
  const box = element("div", { class: "state", role: "status" }, dot, title, detail);
  watch(["connection", "teaching", "project", "attempts", "pending"], () => {
    const [heading, more] = sentences();
    title.textContent = heading;
    detail.textContent = more;
    box.dataset.state = state.connection === "open" ? state.teaching.type : state.connection;
  });
  return box;
}

/** @returns {[string, string]} */
function sentences() {
  const { connection, teaching, pending } = state;
  if (connection === "gone") return [words.stopped, words.startAgain(pending.length)];
  if (connection === "opening") return [words.opening, ""];
  const attempt = currentAttempt();
  const kind = state.project?.kind ?? "pictures";
  const taught = attempt ? words.taughtFrom(kind, attempt.samples, attempt.seconds) : "";
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
  return attempt ? [words.taught, taught] : [words.notYet, words.first];
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
    const { n, right, low, high, done, of, base } = found;
    value.textContent = n < LEAST_FOR_SHARE ? words.countOf(right, n) : words.share(right / n);
    unit.textContent = words.right;
    range.textContent = words.interval(low, high);
    method.textContent = words.method(done, of);
    detail.title = words.meaning(base);
  });
  return box;
}

function teachButton() {
  const button = element("button", { type: "button", class: "act" });
  const isTeaching = () => {
    const { type, done = 0, of = 0 } = state.teaching;
    return type === "teaching" || (type === "score" && done < of);
  };
  button.addEventListener("click", () =>
    change("POST", isTeaching() ? "/api/stop" : "/api/teach", {}),
  );
  watch(["teaching", "connection", "attempts"], () => {
    button.textContent = isTeaching() ? words.stop : words.teachAgain;
    button.hidden = !state.attempts.length && !isTeaching();
    button.disabled = state.connection !== "open";
  });
  return button;
}
