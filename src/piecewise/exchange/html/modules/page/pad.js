/** A pad to draw on, with a mouse, a finger or a pen. */

import { element } from "./elements.js";

const SIDE = 420; // pixels of the longer side

/** @typedef {{ width: number, points: [number, number][] }} Stroke */

/**
 * @param {ImageSettings} settings
 * @param {(picture: Picture | null) => void} changed gets the drawing; null if there is none
 */
export function createPad({ shape: [, rows, columns], background }, changed) {
  const scale = SIDE / Math.max(rows, columns);
  const canvas = element("canvas", {
    class: "pad",
    width: Math.max(SIDE / 2, Math.round(columns * scale)),
    height: Math.max(SIDE / 2, Math.round(rows * scale)),
    role: "img",
    "aria-label": "drawing pad; draw with a mouse, a finger or a pen",
  });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const [paper, ink] = background === "dark" ? ["#000", "#fff"] : ["#fff", "#000"];
  /** @type {Stroke[]} */
  const strokes = [];
  const pen = element("input", { type: "range", id: "pen", min: 8, max: 60, value: 28 });
  const undo = element("button", { type: "button", text: "Undo", onclick: removeLast });
  const clear = element("button", {
    type: "button",
    text: "Clear",
    onclick: () => {
      strokes.length = 0;
      finished();
    },
  });

  function removeLast() {
    strokes.pop();
    finished();
  }

  function redraw() {
    if (!context) return;
    context.fillStyle = paper;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.strokeStyle = context.fillStyle = ink;
    context.lineCap = context.lineJoin = "round";
    for (const { width, points } of strokes) {
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(...points[0]);
      for (const point of points) context.lineTo(...point);
      context.stroke();
    }
  }

  /** The drawing has changed, and is complete for now. */
  function finished() {
    redraw();
    undo.disabled = clear.disabled = !strokes.length;
    changed(strokes.length ? picture() : null);
  }

  /** @returns {Picture} */
  function picture() {
    const { width, height } = canvas;
    const pixels = context?.getImageData(0, 0, width, height).data ?? [];
    const data = new Uint8Array(3 * width * height);
    for (let i = 0; i < data.length; i++) data[i] = pixels[4 * Math.floor(i / 3) + (i % 3)];
    return { width, height, channels: 3, data };
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) * canvas.width) / box.width,
      ((event.clientY - box.top) * canvas.height) / box.height,
    ];
  }

  let isDrawing = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button || isDrawing) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    isDrawing = true;
    strokes.push({ width: Number(pen.value), points: [place(event)] });
    redraw();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!isDrawing) return;
    const all = event.getCoalescedEvents?.() ?? [];
    strokes[strokes.length - 1].points.push(...(all.length ? all : [event]).map(place));
    redraw();
  });
  for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) {
    canvas.addEventListener(name, () => {
      if (!isDrawing) return;
      isDrawing = false;
      finished();
    });
  }
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && strokes.length) {
      event.preventDefault();
      removeLast();
    }
  });
  redraw();
  undo.disabled = clear.disabled = true;
  return element(
    "div",
    { class: "drawing" },
    canvas,
    element(
      "div",
      { class: "controls" },
      undo,
      clear,
      element("label", { for: "pen", text: "Pen" }),
      pen,
    ),
  );
}
