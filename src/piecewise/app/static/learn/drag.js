/** A drawing is dragged by whole pixels, with a mouse, a pen or a finger. */

const NEAR = 5; // pixels of the screen within which a press is a click

/**
 * @param {HTMLElement} target
 * @param {{ side: () => number, from: () => [down: number, right: number],
 *   to: (down: number, right: number) => unknown }} options the side of a pixel of the drawing on
 *   the screen, where the drawing is, and what moves it
 */
export function listenToDrag(target, { side, from, to }) {
  /** @type {{ pointer: number, x: number, y: number, down: number, right: number } | null} */
  let held = null;
  let isDragged = false;
  target.classList.add("drags");
  target.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    const [down, right] = from();
    held = { pointer: event.pointerId, x: event.clientX, y: event.clientY, down, right };
    isDragged = false;
  });
  target.addEventListener("pointermove", (event) => {
    if (held?.pointer !== event.pointerId) return;
    const [across, along] = [event.clientX - held.x, event.clientY - held.y];
    if (!isDragged && Math.hypot(across, along) < NEAR) return;
    if (!isDragged) target.setPointerCapture(event.pointerId);
    isDragged = true;
    const pixel = side();
    to(held.down + Math.round(along / pixel), held.right + Math.round(across / pixel));
  });
  target.addEventListener(
    "touchmove",
    (event) => {
      if (held) event.preventDefault(); // else the page may scroll, and the drag is cancelled
    },
    { passive: false },
  );
  const end = () => {
    held = null;
  };
  target.addEventListener("pointerup", end);
  target.addEventListener("pointercancel", end);
  target.addEventListener(
    "click",
    (event) => {
      if (!isDragged) return;
      isDragged = false;
      event.stopPropagation();
    },
    true,
  );
}
