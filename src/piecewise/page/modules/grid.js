/** A plane of numbers to walk over: hover, arrow keys, and opening. */

import { keepPainted } from "piecewise/paint.js";
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
 * @param {PlaneActions} on
 * @param {number} side the longer side, in pixels of the page
 */
export function planeButton(plane, on, side) {
  const { rows, columns } = plane;
  const canvas = element("canvas", { "aria-hidden": "true" });
  const cursor = element("span", { class: "cursor", "aria-hidden": "true" });
  const button = element("button", { class: "plane", type: "button" }, canvas, cursor);
  const scale = side / Math.max(rows, columns);
  const [high, wide] = [Math.max(rows === 1 ? 20 : 8, rows * scale), Math.max(8, columns * scale)];
  canvas.style.height = `${high}px`;
  button.style.width = `min(${wide + 2}px, 100%)`;
  let [row, column] = [Math.floor(rows / 2), Math.floor(columns / 2)];

  const value = () => plane.values[plane.start + row * columns + column];
  const show = () => {
    stand(cursor, plane, { top: row, left: column, high: 1, wide: 1 });
    const words = `${on.name(row, column)}: ${number(value(), 6)}`;
    button.setAttribute("aria-label", words);
    return words;
  };
  /** @type {(newRow: number, newColumn: number) => void} */
  const move = (newRow, newColumn) => {
    row = Math.max(0, Math.min(rows - 1, newRow));
    column = Math.max(0, Math.min(columns - 1, newColumn));
    on.told(show());
  };
  /** @param {PointerEvent | MouseEvent} event */
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const share = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
    move(Math.floor(share[0] * rows), Math.floor(share[1] * columns));
  };
  button.addEventListener("pointermove", at);
  button.addEventListener("focus", () => on.told(show()));
  button.addEventListener("keydown", (event) => {
    const step = MOVES[event.key];
    if (!step) return;
    event.preventDefault();
    move(row + step[0], column + step[1]);
  });
  button.addEventListener("click", (event) => {
    if (event.detail) at(event); // by a pointer; keys open where the cursor is
    on.open(row, column);
  });
  keepPainted(canvas, plane);
  show();
  return button;
}

/**
 * Lay a mark over cells of a plane: those from `top`, `left`, so many rows and columns.
 * @param {HTMLElement} mark
 * @param {Plane} plane
 * @param {CellSpan} span
 */
function stand(mark, { rows, columns }, { top, left, high, wide }) {
  Object.assign(mark.style, {
    top: `${(100 * top) / rows}%`,
    left: `${(100 * left) / columns}%`,
    width: `${(100 * wide) / columns}%`,
    height: `${(100 * high) / rows}%`,
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
  stand(mark, plane, span);
  button.append(mark);
}

/**
 * One Tab stop for many buttons: Page Up, Page Down, Home and End go from one to another.
 * @param {HTMLButtonElement[]} buttons
 */
export function oneStop(buttons) {
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
