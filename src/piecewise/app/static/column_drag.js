/** A column is moved by its name with the pointer; Alt and the arrow keys do the same. */

const FAR = 6; // pixels from which a press is a drag

/**
 * @param {HTMLElement} handle in the column
 * @param {(by: number) => unknown} move by so many columns, to the right
 */
export function dragColumn(handle, move) {
  handle.classList.add("column-handle");
  let startX = 0;
  let isDragged = false;
  /** @type {number | null} */
  let pointer = null;
  const parts = () => {
    const own = /** @type {HTMLElement} */ (handle.closest(".column"));
    const all = /** @type {HTMLElement[]} */ ([...(own.parentElement?.children ?? [])]);
    return { own, all, from: all.indexOf(own) };
  };
  /** The column in whose place it would be. @param {number} x */
  const target = (x) => {
    const { all, from } = parts();
    const middles = all.map((one) => {
      const { left, right } = one.getBoundingClientRect();
      return (left + right) / 2;
    });
    let to = from;
    while (to < all.length - 1 && x > middles[to + 1]) to += 1;
    while (to > 1 && x < middles[to - 1]) to -= 1; // the input stays the first
    return to;
  };
  const mark = (/** @type {number | null} */ to) => {
    const { own, all, from } = parts();
    own.classList.toggle("dragged", to !== null);
    all.forEach((one, i) => {
      one.classList.toggle("drop-before", i === to && to < from);
      one.classList.toggle("drop-after", i === to && to > from);
    });
  };
  const end = () => {
    mark(null);
    pointer = null;
    isDragged = false;
  };
  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    pointer = event.pointerId;
    startX = event.clientX;
    handle.setPointerCapture(pointer); // a quick pointer leaves the name at once
  });
  handle.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    isDragged ||= Math.abs(event.clientX - startX) > FAR;
    if (isDragged) mark(target(event.clientX));
  });
  handle.addEventListener("pointerup", (event) => {
    if (event.pointerId !== pointer) return;
    const by = isDragged ? target(event.clientX) - parts().from : 0;
    end();
    if (by) move(by);
  });
  handle.addEventListener("pointercancel", end);
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isDragged) end();
  });
}
