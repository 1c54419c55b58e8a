/**
 * The pad: strokes of a pen, drawn here only to be seen. The server draws the picture that the net
 * gets, from the same strokes. Coordinates are pixels of that picture.
 */

import { whenColoured } from "piecewise/paint.js";
import { element } from "piecewise/text.js";
import { words } from "app/words/en.js";

/** Rows and columns of the picture. */
export const SIDE = 112;
const WIDTHS = [3, 6, 10];
const STEP = 4; // of the keys, in pixels of the picture
const NEAREST = 0.4; // points nearer than this are one
/** @type {Record<string, [number, number]>} */
const MOVES = {
  ArrowUp: [0, -STEP],
  ArrowDown: [0, STEP],
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
};

export class Pad {
  /** @param {(isDrawing: boolean) => void} changed called after every change of the strokes */
  constructor(changed) {
    this.changed = changed;
    /** @type {Stroke[]} */
    this.strokes = [];
    this.width = 6;
    /** @type {Stroke[][]} */
    this.history = [];
    this.penOnly = false; // after the first pen, so that a palm does not draw
    /** @type {number | null} */
    this.pointer = null;
    this.cursor = { x: SIDE / 2, y: SIDE / 2, isDown: false };
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.field = element("span", { class: "field", "aria-hidden": "true", hidden: true });
    this.cross = element("span", { class: "cross", "aria-hidden": "true", hidden: true });
    this.image = element("span", { class: "shown", hidden: true });
    this.surface = element(
      "div",
      { class: "pad", role: "application", tabindex: "0", "aria-label": words.pad },
      this.image,
      this.canvas,
      this.field,
      this.cross,
    );
    this.nibs = WIDTHS.map((width) => this.nib(width));
    this.tools = element(
      "div",
      { class: "tools", role: "group", "aria-label": words.pen },
      ...this.nibs,
      element("span", { class: "gap" }),
      element("button", {
        type: "button",
        class: "plain",
        text: words.undo,
        onclick: () => this.undo(),
      }),
      element("button", {
        type: "button",
        class: "plain",
        text: words.clear,
        onclick: () => this.clear(),
      }),
    );
    this.listen();
    whenColoured(() => this.paint());
    new ResizeObserver(() => this.paint()).observe(this.surface);
  }

  /** @param {number} width */
  nib(width) {
    const dot = element("i", { "aria-hidden": "true" });
    dot.style.setProperty("--size", `${width}px`);
    const press = () => {
      this.width = width;
      this.showNib();
      this.paint();
      this.changed(false);
    };
    const set = {
      type: "button",
      class: "nib",
      "aria-label": words.nib(width),
      "aria-pressed": String(width === this.width),
      onclick: press,
    };
    return element("button", set, dot);
  }

  showNib() {
    this.nibs.forEach((one, i) =>
      one.setAttribute("aria-pressed", String(WIDTHS[i] === this.width)),
    );
  }

  listen() {
    const pad = this.surface;
    pad.addEventListener("pointerdown", (event) => this.down(event));
    pad.addEventListener("mousedown", (event) => event.preventDefault()); // no focus, no selection
    pad.addEventListener("pointermove", (event) => this.move(event));
    pad.addEventListener("pointerup", (event) => this.up(event));
    pad.addEventListener("pointercancel", (event) => {
      if (event.pointerId !== this.pointer) return;
      this.pointer = null;
      this.undo();
    });
    pad.addEventListener("keydown", (event) => this.key(event));
    pad.addEventListener("blur", () => {
      this.cross.hidden = true;
      this.cursor.isDown = false;
    });
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button !== 0 || (this.penOnly && event.pointerType === "touch")) return;
    if (event.pointerType === "pen") this.penOnly = true;
    this.cross.hidden = true;
    this.surface.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.begin(this.point(event));
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) this.extend(this.point(one));
    this.paint();
    this.changed(true);
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.changed(false);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = MOVES[event.key];
    if (step) {
      this.cursor.x = Math.max(0, Math.min(SIDE, this.cursor.x + step[0]));
      this.cursor.y = Math.max(0, Math.min(SIDE, this.cursor.y + step[1]));
      if (this.cursor.isDown) this.extend([this.cursor.x, this.cursor.y]);
    } else if (event.key === " ") {
      this.cursor.isDown = !this.cursor.isDown;
      if (this.cursor.isDown) this.begin([this.cursor.x, this.cursor.y]);
    } else return;
    event.preventDefault();
    Object.assign(this.cross.style, {
      left: `${(100 * this.cursor.x) / SIDE}%`,
      top: `${(100 * this.cursor.y) / SIDE}%`,
    });
    this.cross.hidden = false;
    this.cross.classList.toggle("down", this.cursor.isDown);
    this.paint();
    if (this.strokes.length) this.changed(this.cursor.isDown);
  }

  /**
   * @param {PointerEvent} event
   * @returns {[number, number]}
   */
  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const round = (/** @type {number} */ value) => Math.round(100 * value) / 100;
    return [
      round(((event.clientX - box.left) / box.width) * SIDE),
      round(((event.clientY - box.top) / box.height) * SIDE),
    ];
  }

  /** @param {[number, number]} point */
  begin(point) {
    this.image.hidden = true;
    this.history.push(this.strokes);
    this.strokes = [...this.strokes, [point]];
    this.paint();
    this.changed(true);
  }

  /** @param {[number, number]} point */
  extend(point) {
    const stroke = this.strokes[this.strokes.length - 1];
    const [x, y] = stroke[stroke.length - 1];
    if (Math.hypot(point[0] - x, point[1] - y) > NEAREST) stroke.push(point);
  }

  /** Undo the last stroke, or the last clearing; whether there was one. */
  undo() {
    const before = this.history.pop();
    if (!before) return false;
    this.strokes = before;
    this.pointer = null;
    this.cursor.isDown = false;
    this.paint();
    this.changed(false);
    return true;
  }

  clear() {
    this.image.hidden = true;
    this.field.hidden = true;
    if (!this.strokes.length) return;
    this.history.push(this.strokes);
    this.strokes = [];
    this.paint();
    this.changed(false);
  }

  /** Draw what was kept. @param {{ strokes: Stroke[], width: number } | null} kept */
  restore(kept) {
    if (!kept?.strokes.length) return;
    this.image.hidden = true;
    this.strokes = kept.strokes;
    this.history = kept.strokes.map((_, i) => kept.strokes.slice(0, i));
    this.width = kept.width;
    this.showNib();
    this.paint();
    this.changed(false);
  }

  /** The strokes, which are taken from the pad. */
  take() {
    const { strokes } = this;
    this.strokes = [];
    this.history = [];
    this.field.hidden = true;
    this.paint();
    return strokes;
  }

  /**
   * Show a sample in place of strokes.
   * @param {(shown: HTMLElement) => void} place puts the sample's picture on an element
   */
  show(place) {
    this.take();
    place(this.image);
    this.image.hidden = false;
  }

  /**
   * Mark what a number is made of: the part of the picture, in fractions; null for nothing.
   * @param {{ top: number, left: number, bottom: number, right: number } | null} part
   */
  mark(part) {
    this.field.hidden = !part;
    if (!part) return;
    const percent = (/** @type {number} */ value) => `${Math.max(0, Math.min(100, 100 * value))}%`;
    Object.assign(this.field.style, {
      top: percent(part.top),
      left: percent(part.left),
      bottom: percent(1 - part.bottom),
      right: percent(1 - part.right),
    });
  }

  paint() {
    const side = this.canvas.clientWidth * devicePixelRatio;
    const context = this.canvas.getContext("2d");
    if (!side || !context) return;
    if (this.canvas.width !== Math.round(side)) this.canvas.width = this.canvas.height = side;
    context.setTransform(side / SIDE, 0, 0, side / SIDE, 0, 0);
    context.clearRect(0, 0, SIDE, SIDE);
    context.strokeStyle = getComputedStyle(this.surface).color;
    context.lineWidth = this.width;
    context.lineCap = context.lineJoin = "round";
    for (const [first, ...rest] of this.strokes) {
      context.beginPath();
      context.moveTo(...first);
      context.lineTo(...first);
      for (const point of rest) context.lineTo(...point);
      context.stroke();
    }
  }
}
