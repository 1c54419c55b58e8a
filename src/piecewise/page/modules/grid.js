/** A plane of numbers as a button: point at a number, move with arrow keys, open it. */

import { keepPainted } from "piecewise/paint.js";
import { hideReadout, showReadout } from "piecewise/readout.js";
import { element, number } from "piecewise/text.js";

/** @type {Record<string, [number, number]>} */
const MOVES = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/**
 * A button that shows a plane. Arrow keys move a cursor in it; a click, Enter or Space opens the
 * number there.
 *
 * @param {Plane} plane
 * @param {PlaneActions} actions
 * @param {number | [height: number, width: number]} side in pixels of the page; one number: of the
 *   longer side
 * @param {string} [picture] the address of an image on which the plane is painted
 */
export function planeButton(plane, actions, side, picture) {
  const { rows, columns } = plane;
  const canvas = element("canvas", { "aria-hidden": "true" });
  const cursor = element("span", { class: "cursor", "aria-hidden": "true" });
  const under = picture ? element("img", { src: picture, alt: "" }) : null;
  const set = { class: picture ? "plane over" : "plane", type: "button" };
  const button = element("button", set, under, canvas, cursor);
  const [height, width] = typeof side === "number" ? sizes(rows, columns, side) : side;
  if (picture) canvas.style.aspectRatio = `${width} / ${height}`;
  else canvas.style.height = `${height}px`;
  button.style.width = `min(${width + 2}px, 100%)`;
  let [row, column] = [Math.floor(rows / 2), Math.floor(columns / 2)];

  const value = () => plane.values[plane.start + row * columns + column];
  const words = () => `${actions.name(row, column)}: ${number(value(), 6)}`;
  const show = () => {
    placeOver(cursor, plane, { top: row, left: column, height: 1, width: 1 });
    button.setAttribute("aria-label", words());
    return words();
  };
  /** @type {(newRow: number, newColumn: number) => void} */
  const move = (newRow, newColumn) => {
    row = Math.max(0, Math.min(rows - 1, newRow));
    column = Math.max(0, Math.min(columns - 1, newColumn));
    actions.onMove(show());
  };
  /** @param {PointerEvent | MouseEvent} event */
  const moveTo = (event) => {
    const box = canvas.getBoundingClientRect();
    const fractions = [
      (event.clientY - box.top) / box.height,
      (event.clientX - box.left) / box.width,
    ];
    move(Math.floor(fractions[0] * rows), Math.floor(fractions[1] * columns));
  };
  button.addEventListener("pointermove", (event) => {
    moveTo(event);
    showReadout(words(), event.clientX, event.clientY);
  });
  const readAtCursor = () => {
    const { right, bottom } = cursor.getBoundingClientRect();
    showReadout(words(), right, bottom);
  };
  button.addEventListener("focus", () => {
    actions.onMove(show());
    if (button.matches(":focus-visible")) readAtCursor();
  });
  button.addEventListener("pointerleave", hideReadout);
  button.addEventListener("blur", hideReadout);
  button.addEventListener("keydown", (event) => {
    const step = MOVES[event.key];
    if (!step) return;
    event.preventDefault();
    move(row + step[0], column + step[1]);
    readAtCursor();
  });
  button.addEventListener("click", (event) => {
    if (event.detail) moveTo(event); // a pointer; keys open the number under the cursor
    actions.open(row, column);
  });
  keepPainted(canvas, plane, picture ? "over" : "opaque");
  show();
  return button;
}

/**
 * Height and width of a plane on the page.
 * @param {number} rows
 * @param {number} columns
 * @param {number} side
 * @returns {[height: number, width: number]}
 */
function sizes(rows, columns, side) {
  const scale = side / Math.max(rows, columns);
  return [Math.max(rows === 1 ? 20 : 8, rows * scale), Math.max(8, columns * scale)];
}

/**
 * Place an element over a rectangle of cells of a plane.
 * @param {HTMLElement} mark
 * @param {Plane} plane
 * @param {CellSpan} span
 */
function placeOver(mark, { rows, columns }, { top, left, height, width }) {
  Object.assign(mark.style, {
    top: `${(100 * top) / rows}%`,
    left: `${(100 * left) / columns}%`,
    width: `${(100 * width) / columns}%`,
    height: `${(100 * height) / rows}%`,
  });
}

/**
 * Outline cells of a plane's button.
 * @param {HTMLButtonElement} button
 * @param {Plane} plane
 * @param {CellSpan} span
 */
export function outline(button, plane, span) {
  const mark = element("span", { class: "outline", "aria-hidden": "true" });
  placeOver(mark, plane, span);
  button.append(mark);
}

/**
 * Make many buttons one Tab stop (a roving tabindex): Page Up, Page Down, Home and End move between them.
 * @param {HTMLButtonElement[]} buttons
 */
export function rovingTabIndex(buttons) {
  /** @param {number} index */
  const focus = (index) => {
    const target = buttons[Math.max(0, Math.min(buttons.length - 1, index))];
    for (const one of buttons) one.tabIndex = one === target ? 0 : -1;
    target.focus();
  };
  buttons.forEach((button, index) => {
    button.tabIndex = index ? -1 : 0;
    button.addEventListener("keydown", (event) => {
      /** @type {Record<string, number>} */
      const to = { PageDown: index + 1, PageUp: index - 1, Home: 0, End: buttons.length - 1 };
      if (!(event.key in to)) return;
      event.preventDefault();
      focus(to[event.key]);
    });
    button.addEventListener("pointerdown", () => {
      for (const one of buttons) one.tabIndex = one === button ? 0 : -1;
    });
  });
}
