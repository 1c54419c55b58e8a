/** The maps of a layer on one canvas: one tab stop, cells addressed by map, row and column. */

import { largestOf, mixed, rgb, whenColoured } from "piecewise/paint.js";
import { element } from "piecewise/text.js";
import { words } from "app/words/en.js";

/** @type {Colour} */
const BLACK = [0, 0, 0];
/** @type {Colour} */
const WHITE = [255, 255, 255];
export const GAP = 7; // pixels between maps
export const SHOWN = 16;
const LABEL = 36; // pixels of a map from which its number is written on it
/** @type {Record<string, [map: number, row: number, column: number]>} */
const MOVES = {
  ArrowUp: [0, -1, 0],
  ArrowDown: [0, 1, 0],
  ArrowLeft: [0, 0, -1],
  ArrowRight: [0, 0, 1],
  PageUp: [-1, 0, 0],
  PageDown: [1, 0, 0],
};

/** @typedef {{ map: number, row: number, column: number }} Cell */

export class Stack {
  /**
   * @param {Walk} walk
   * @param {string} name of the layer
   * @param {(cell: Cell | null) => void} reach a cell is pointed at, or none
   * @param {(cell: Cell) => void} open
   */
  constructor(walk, name, reach, open) {
    this.walk = walk;
    this.name = name;
    this.reach = reach;
    this.shape = walk.layer(name).shape;
    /** @type {number[]} */
    this.order = [];
    this.showsAll = false;
    /** The map that is chosen. @type {number | null} */
    this.chosen = null;
    /** The map that a finger has reached last. @type {number | null} */
    this.tapped = null;
    /** Maps whose votes are taken away. @type {Set<number>} */
    this.muted = new Set();
    this.columns = 1;
    this.size = { width: 0, height: 0 };
    /** @type {Cell} */
    this.cell = { map: 0, row: 0, column: 0 };
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.maps = document.createElement("canvas");
    this.button = element(
      "button",
      { type: "button", class: "stack", "aria-label": words.stack(name, this.shape[0]) },
      this.canvas,
    );
    this.listen(open);
    this.sort();
    this.release = whenColoured((tables) => this.paint(tables));
  }

  /** Which maps are shown: all, or those that count most for the answer. */
  sort() {
    const [count] = this.shape;
    const votes = this.walk.data.map_votes[this.name] ?? [];
    const order = Array.from({ length: count }, (_, map) => map);
    if (count > SHOWN && !this.showsAll) {
      order.sort((a, b) => Math.abs(votes[b] ?? 0) - Math.abs(votes[a] ?? 0));
      order.length = SHOWN;
      order.sort((a, b) => a - b);
    }
    this.order = order;
    this.cell.map = order[0];
  }

  /** @param {(cell: Cell) => void} open */
  listen(open) {
    const { button } = this;
    button.addEventListener("pointermove", (event) => this.point(event));
    button.addEventListener("pointerleave", ({ pointerType }) => {
      if (pointerType !== "touch") this.reach(null); // a finger leaves when it is lifted
    });
    button.addEventListener("focus", () => {
      if (button.matches(":focus-visible")) this.reach(this.cell);
    });
    button.addEventListener("blur", () => this.reach(null));
    button.addEventListener("keydown", (event) => this.key(event));
    button.addEventListener("click", (event) => {
      const before = this.tapped;
      this.tapped = null;
      if (event.detail && !this.point(event)) return; // a pointer between the maps
      const isTap = event instanceof PointerEvent && event.pointerType === "touch";
      if (isTap && before !== this.cell.map)
        this.tapped = this.cell.map; // the next tap opens
      else open(this.cell);
    });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = MOVES[event.key];
    const at = this.order.indexOf(this.cell.map);
    const last = this.order.length - 1;
    if (step) {
      const limit = (/** @type {number} */ value, /** @type {number} */ most) =>
        Math.max(0, Math.min(most, value));
      this.cell.map = this.order[limit(at + step[0], last)];
      this.cell.row = limit(this.cell.row + step[1], this.shape[1] - 1);
      this.cell.column = limit(this.cell.column + step[2], this.shape[2] - 1);
    } else if (event.key === "Home" || event.key === "End") {
      this.cell.map = this.order[event.key === "Home" ? 0 : last];
    } else return;
    event.preventDefault();
    this.reach(this.cell);
  }

  /**
   * Reach the cell under a pointer; whether there is one.
   * @param {MouseEvent} event
   */
  point(event) {
    const box = this.canvas.getBoundingClientRect();
    const { width, height } = this.size;
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const across = Math.floor(x / (width + GAP));
    const down = Math.floor(y / (height + GAP));
    const map = across < this.columns ? this.order[down * this.columns + across] : undefined;
    const [insideX, insideY] = [x - across * (width + GAP), y - down * (height + GAP)];
    if (map === undefined || insideX >= width || insideY >= height || x < 0 || y < 0) {
      this.reach(null);
      return false;
    }
    const row = Math.floor((insideY / height) * this.shape[1]);
    const column = Math.floor((insideX / width) * this.shape[2]);
    this.cell = { map, row, column };
    this.reach(this.cell);
    return true;
  }

  /**
   * Lay the maps out in so many pixels; `columns` of them side by side.
   * @param {number} width of the whole stack
   * @param {number} columns
   */
  fit(width, columns) {
    const [, rows, cells] = this.shape;
    this.columns = Math.min(columns, this.order.length);
    const one = Math.floor((width - GAP * (this.columns - 1)) / this.columns);
    const ratio = Math.max(0.12, Math.min(1.2, rows / cells));
    this.size = { width: one, height: Math.max(8, Math.round(one * ratio)) };
    const down = Math.ceil(this.order.length / this.columns);
    this.canvas.style.width = `${this.columns * (one + GAP) - GAP}px`;
    this.canvas.style.height = `${down * (this.size.height + GAP) - GAP}px`;
    this.repaint();
  }

  /** Whether every map is one number. */
  get isOfNumbers() {
    return this.shape[1] === 1 && this.shape[2] === 1;
  }

  repaint() {
    this.release();
    this.release = whenColoured((tables) => this.paint(tables));
  }

  /** Whether a map is zero everywhere. @param {number} map */
  isSilent(map) {
    const values = this.walk.activation(this.name)?.values;
    const cells = this.shape[1] * this.shape[2];
    return !values?.subarray(map * cells, (map + 1) * cells).some((value) => value !== 0);
  }

  /** The largest size of a number of the layer. */
  get largest() {
    return largestOf(this.walk.activation(this.name)?.values ?? []);
  }

  /** @param {PixelTables} tables */
  paint(tables) {
    const { width, height } = this.size;
    if (!width) return;
    const scale = devicePixelRatio;
    this.canvas.width = scale * (this.columns * (width + GAP) - GAP);
    this.canvas.height =
      scale * (Math.ceil(this.order.length / this.columns) * (height + GAP) - GAP);
    const context = this.canvas.getContext("2d");
    if (!context) return;
    this.paintAll(this.name === "input" ? this.inks() : tables.opaque);
    context.scale(scale, scale);
    context.imageSmoothingEnabled = false;
    const style = getComputedStyle(this.button);
    const names = ["--paper", "--line", "--quiet", "--raised", "--ink"];
    const [paper, edge, quiet, crossed, ink] = names.map((one) => style.getPropertyValue(one));
    const [, rows, cells] = this.shape;
    this.order.forEach((map, i) => {
      const { left, top } = this.corner(i);
      if (rows * cells > 1 && this.isSilent(map)) this.cross(context, left, top, edge, crossed);
      else context.drawImage(this.maps, 0, map * rows, cells, rows, left, top, width, height);
      if (this.muted.has(map)) this.dim(context, left, top, crossed);
      const isChosen = map === this.chosen && this.shape[0] > 1;
      context.strokeStyle = isChosen ? ink : edge;
      context.lineWidth = isChosen ? 2 : 1;
      const inset = context.lineWidth / 2;
      context.strokeRect(left + inset, top + inset, width - 2 * inset, height - 2 * inset);
      context.lineWidth = 1;
      if (width >= LABEL && height >= LABEL && this.shape[0] > 1)
        this.label(context, String(map + 1), left, top, quiet, paper);
    });
  }

  /**
   * All maps, one under the other, a pixel a cell.
   * @param {Uint32Array} pixels
   */
  paintAll(pixels) {
    const [count, rows, cells] = this.shape;
    const values = this.walk.activation(this.name)?.values ?? new Float32Array();
    this.maps.width = cells;
    this.maps.height = count * rows;
    const context = this.maps.getContext("2d");
    if (!context) return;
    const image = context.createImageData(cells, count * rows);
    const painted = new Uint32Array(image.data.buffer);
    const { low, high } = this.range;
    const scale = (pixels.length - 1) / (high - low || 1);
    for (let i = 0; i < painted.length; i++)
      painted[i] = pixels[Math.round((values[i] - low) * scale)];
    context.putImageData(image, 0, 0);
  }

  /** The numbers of the first and the last colour. */
  get range() {
    if (this.name !== "input") return { low: -this.largest, high: this.largest };
    const values = this.walk.activation("input")?.values ?? [];
    return { low: Math.min(...values), high: Math.max(...values) };
  }

  /** The colours of an input: a photo is black to white, all else is ink on paper. */
  inks() {
    const style = getComputedStyle(this.button);
    const ends = ["--paper", "--ink"].map((name) => rgb(style.getPropertyValue(name).trim()));
    const [from, to] = this.walk.data.kind === "photos" ? [BLACK, WHITE] : ends;
    return mixed(from, to);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} left
   * @param {number} top
   * @param {string} line
   * @param {string} ground
   */
  cross(context, left, top, line, ground) {
    const { width, height } = this.size;
    context.fillStyle = ground;
    context.fillRect(left, top, width, height);
    context.strokeStyle = line;
    context.beginPath();
    context.moveTo(left, top + height);
    context.lineTo(left + width, top);
    context.stroke();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} left
   * @param {number} top
   * @param {string} ground
   */
  dim(context, left, top, ground) {
    context.globalAlpha = 0.7;
    context.fillStyle = ground;
    context.fillRect(left, top, this.size.width, this.size.height);
    context.globalAlpha = 1;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {string} text
   * @param {number} left
   * @param {number} top
   * @param {string} ink
   * @param {string} halo
   */
  label(context, text, left, top, ink, halo) {
    context.font = "10px system-ui, sans-serif";
    context.lineWidth = 3;
    context.strokeStyle = halo;
    context.strokeText(text, left + 4, top + 12);
    context.fillStyle = ink;
    context.fillText(text, left + 4, top + 12);
    context.lineWidth = 1;
  }

  /** @param {number} index of a map in the order in which they are shown */
  corner(index) {
    const { width, height } = this.size;
    return {
      left: (index % this.columns) * (width + GAP),
      top: Math.floor(index / this.columns) * (height + GAP),
    };
  }

  /**
   * A rectangle of cells of a map in pixels of the window; null if the map is not shown.
   * @param {number} map
   * @param {CellSpan} span
   */
  boxOf(map, span) {
    const index = this.order.indexOf(map);
    if (index < 0) return null;
    const box = this.canvas.getBoundingClientRect();
    const { left, top } = this.corner(index);
    const [, rows, columns] = this.shape;
    const { width, height } = this.size;
    return {
      left: box.left + left + (span.left * width) / columns,
      top: box.top + top + (span.top * height) / rows,
      width: (span.width * width) / columns,
      height: (span.height * height) / rows,
    };
  }
}
