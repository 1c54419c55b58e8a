/** Adds the terms of a number one by one: buttons, and a chart of the sum that is a slider. */

import { lookWords as words } from "app/words/look.js";
import { element, exactNumber, number, svgElement } from "piecewise/text.js";

const PACE = 120; // milliseconds a term
const [WIDE, HIGH] = [560, 74];
const MOST_BARS = 600; // of more terms, the chart is a line
/** @type {Record<string, number>} */
const SPEEDS = { slow: 1, fast: 4, maps: 1 };
/** @type {Record<string, number>} */
const KEYS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };

/** @typedef {{ start: number, end: number }} Span terms that belong together */

export class Player {
  /**
   * @param {number} count of terms
   * @param {Span[]} groups the terms of each map, in their order
   * @param {(step: number) => void} changed called with the number of terms that are added
   * @param {number} [step]
   */
  constructor(count, groups, changed, step = count) {
    this.count = count;
    this.groups = groups;
    this.changed = changed;
    this.step = step;
    this.speed = "slow";
    this.timer = 0;
    /** The sum after each term. @type {number[]} */
    this.running = [];
    this.chart = svgElement("svg", {
      viewBox: `0 0 ${WIDE} ${HIGH}`,
      preserveAspectRatio: "none",
      class: "run",
      role: "slider",
      tabindex: 0,
      "aria-label": words.sumChart,
      "aria-valuemin": 0,
      "aria-valuemax": count,
    });
    this.label = element("span", { class: "sub" });
    this.soFar = element("b", { class: "number" });
    const counter = element(
      "div",
      { class: "term-count" },
      this.label,
      element("span", { class: "sub", text: `${words.soFar} ` }),
      this.soFar,
    );
    this.playButton = this.button(words.play, () => this.toggle(), "act play");
    const canMove = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.element = element(
      "div",
      { class: "player" },
      this.button("\u2039", () => this.go(this.step - 1), "", words.stepBack),
      canMove ? this.playButton : null,
      this.button("\u203a", () => this.go(this.step + 1), "", words.step),
      canMove ? this.speeds() : null,
      this.chart,
      counter,
    );
    this.listen();
  }

  /**
   * @param {string} text
   * @param {() => void} press
   * @param {string} kind
   * @param {string} [label]
   */
  button(text, press, kind, label) {
    const set = { type: "button", class: kind || null, text, "aria-label": label, onclick: press };
    return element("button", set);
  }

  speeds() {
    const choice = element("select", { "aria-label": words.speed });
    for (const [name, text] of Object.entries(words.speeds))
      choice.append(element("option", { value: name, text }));
    choice.addEventListener("change", () => {
      this.speed = choice.value;
    });
    return choice;
  }

  listen() {
    const drag = (/** @type {PointerEvent} */ event) => {
      const box = this.chart.getBoundingClientRect();
      this.go(Math.round(((event.clientX - box.left) / box.width) * this.count));
    };
    this.chart.addEventListener("pointerdown", (event) => {
      this.chart.setPointerCapture(event.pointerId);
      drag(event);
    });
    this.chart.addEventListener("pointermove", (event) => event.buttons && drag(event));
    this.chart.addEventListener("keydown", (event) => {
      const to = this.target(event.key);
      if (to === undefined) return;
      event.preventDefault();
      this.go(to);
    });
  }

  /** The step that a key leads to. @param {string} key */
  target(key) {
    if (key in KEYS) return this.step + KEYS[key];
    if (key === "Home") return 0;
    if (key === "End") return this.count;
    if (key === "PageUp") return this.nextGroup();
    if (key === "PageDown")
      return Math.max(0, ...this.groups.map(({ end }) => (end < this.step ? end : 0)));
    return undefined;
  }

  /** The step at which the terms of one more map are added. */
  nextGroup() {
    return this.groups.find(({ end }) => end > this.step)?.end ?? this.count;
  }

  /** Show the sums of the server. @param {number[]} running */
  fill(running) {
    this.running = running;
    this.draw();
    this.show();
  }

  /** Add so many terms. @param {number} step */
  go(step) {
    this.pause();
    this.set(step);
  }

  /** @param {number} step */
  set(step) {
    this.step = Math.max(0, Math.min(this.count, step));
    this.show();
    this.changed(this.step);
  }

  toggle() {
    if (this.timer) return this.pause();
    if (this.step === this.count) this.set(0);
    this.playButton.textContent = words.pause;
    const add = () => {
      const isGone = !this.element.isConnected;
      if (isGone || this.step === this.count) return this.pause();
      this.set(this.speed === "maps" ? this.nextGroup() : this.step + 1);
      const pause = (this.speed === "maps" ? 5 : 1) * (PACE / SPEEDS[this.speed]);
      this.timer = setTimeout(add, pause);
      return undefined;
    };
    this.timer = setTimeout(add, PACE);
    return undefined;
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.playButton.textContent = words.play;
  }

  /** The sum so far; undefined as long as the server has not said it. */
  get sum() {
    return this.step ? this.running[this.step - 1] : 0;
  }

  /** @param {number} step */
  x(step) {
    return (WIDE * step) / this.count;
  }

  draw() {
    const { running } = this;
    const high = Math.max(0, ...running);
    const low = Math.min(0, ...running);
    const y = (/** @type {number} */ sum) =>
      HIGH - 5 - ((HIGH - 10) * (sum - low)) / (high - low || 1);
    const zero = { class: "base", x1: 0, x2: WIDE, y1: y(0), y2: y(0) };
    this.current = svgElement("rect", { class: "current", y: 0, height: HIGH });
    this.rest = svgElement("rect", { class: "rest", y: 0, height: HIGH });
    this.marker = svgElement("line", { class: "marker", y1: 0, y2: HIGH });
    const sums = running.length > MOST_BARS ? [this.line(y)] : this.bars(y);
    this.chart.replaceChildren(
      this.current,
      svgElement("line", zero),
      ...sums,
      this.rest,
      this.marker,
    );
  }

  /** @param {(sum: number) => number} y */
  line(y) {
    const points = this.running.map((sum, i) => `${this.x(i + 1)},${y(sum)}`).join(" ");
    return svgElement("polyline", { points });
  }

  /** @param {(sum: number) => number} y */
  bars(y) {
    const width = Math.max(0.6, 0.7 * this.x(1));
    return this.running.map((sum, i) => {
      const before = i ? this.running[i - 1] : 0;
      const [top, height] = [Math.min(y(before), y(sum)), Math.abs(y(before) - y(sum))];
      return svgElement("rect", {
        class: sum < before ? "against" : "for",
        x: this.x(i + 1) - this.x(1) / 2 - width / 2,
        y: top,
        width,
        height: Math.max(1, height),
      });
    });
  }

  show() {
    const { step } = this;
    const bias = this.groups[0].start; // 1 if there is one: it is the first term
    const products = Math.max(0, step - bias);
    const said = words.added(products, this.count - bias, step > products);
    this.label.textContent = said;
    this.chart.setAttribute("aria-valuenow", String(step));
    this.soFar.textContent = this.sum === undefined ? "" : number(this.sum, 6);
    const sum = this.sum === undefined ? "" : `, ${words.soFar} ${exactNumber(this.sum)}`;
    this.chart.setAttribute("aria-valuetext", said + sum);
    const own = this.groups.find(({ start, end }) => start < step && step <= end);
    this.current?.setAttribute("x", String(this.x(own?.start ?? 0)));
    const isShown = own && step < this.count;
    this.current?.setAttribute("width", String(isShown ? this.x(own.end - own.start) : 0));
    this.rest?.setAttribute("x", String(this.x(step)));
    this.rest?.setAttribute("width", String(WIDE - this.x(step)));
    for (const end of ["x1", "x2"]) this.marker?.setAttribute(end, String(this.x(step)));
  }
}
