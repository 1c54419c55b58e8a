/** Long work on the server: a button that begins it, then its progress, the time left, and a stop. */

import { ask } from "app/ask.js";
import { change } from "app/samples.js";
import { state, update, watch } from "app/store.js";
import { words } from "app/words/en.js";
import { element } from "piecewise/text.js";

/** @param {Job} job */
export function heardJob(job) {
  update({ jobs: { ...state.jobs, [job.kind]: job } });
}

/**
 * Progress with a stop.
 * @param {string} label
 * @param {() => void} stop
 */
export function progressBar(label, stop) {
  const bar = element("progress", { "aria-label": label, max: 1 });
  const text = element("span", { class: "sub" });
  const button = element("button", { type: "button", text: words.stop, onclick: stop });
  const box = element("div", { class: "progress" }, bar, text, button);
  /** @param {{ stage?: string, done?: number, total?: number, left?: number | null }} work */
  const show = ({ stage, done, total, left }) => {
    if (total && done) bar.value = done / total;
    else bar.removeAttribute("value");
    text.textContent = words.progress(stage ?? "", done ?? 0, total ?? 0, left ?? null);
  };
  return { element: box, show };
}

/**
 * @param {string} kind of the job
 * @param {string} label of its button
 * @param {() => unknown} begin
 * @param {(result: any) => void} show is called once with each result
 */
export function jobPanel(kind, label, begin, show) {
  const start = element("button", { type: "button", class: "act", text: label, onclick: begin });
  const bar = progressBar(label, () => change("DELETE", `/api/jobs/${state.jobs[kind]?.job}`));
  const message = element("p", { class: "problem", role: "status" });
  let shown = 0;
  watch(["jobs", "connection"], async () => {
    const job = state.jobs[kind];
    const isRunning = job?.state === "running";
    const others = Object.values(state.jobs).some((one) => one.state === "running");
    start.hidden = isRunning;
    start.disabled = others || state.connection !== "open";
    bar.element.hidden = !isRunning;
    if (isRunning) bar.show(job);
    message.textContent = job?.state === "failed" ? (job.message ?? "") : "";
    if (job?.state !== "done" || job.job === shown) return;
    shown = job.job;
    const { result } = await ask("GET", `/api/jobs/${job.job}`);
    show(result);
  });
  return element("div", { class: "job" }, start, bar.element, message);
}
