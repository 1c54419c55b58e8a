/** Where a number is open: its arithmetic, the way that led to it, and the way back. */

import { element, placeWords, whole } from "piecewise/text.js";
import { hasNumbers } from "piecewise/views/terms.js";
import { shown, termsOf } from "piecewise/views/index.js";

const TYPED_INTO = "input, select, textarea";

function noRoom() {
  const words =
    "There was no room in this page for all that it is made of; piecewise why prints it.";
  return element("p", { class: "step", text: words });
}

/**
 * @param {Walk} walk
 * @param {(place: Position | null) => void} onOpen gets every place that is opened, null when all is closed
 */
export function panel(walk, onOpen) {
  /** @type {Position[]} */
  const trail = []; // places, the first one opened first
  const heading = element("h2", { id: "open-number", tabindex: "-1" });
  const way = element("ol", { class: "trail", "aria-label": "The way to this number" });
  const body = element("div", { class: "arithmetic" });
  const back = element("button", {
    type: "button",
    text: "\u2190 back",
    onclick: () => stepBack(),
  });
  const close = element("button", { type: "button", text: "close", onclick: () => shut() });
  const aside = element(
    "aside",
    { class: "panel", "aria-labelledby": "open-number", hidden: true },
    element("div", { class: "bar-of-buttons" }, back, close),
    way,
    heading,
    body,
  );
  /** @type {HTMLElement | null} */
  let returnTo = null;

  /** @param {Position} place */
  function open(place) {
    if (walk.value(place) === undefined) return;
    const focused = document.activeElement;
    if (!trail.length) returnTo = focused instanceof HTMLElement ? focused : null;
    trail.push(place);
    render();
  }

  function render() {
    const place = trail[trail.length - 1];
    const layer = walk.layer(place[0]);
    heading.textContent = `${placeWords(place, layer.shape)} = ${whole(walk.value(place))}`;
    const terms = termsOf(walk, place);
    const complete = terms.every(hasNumbers);
    body.replaceChildren(...(complete ? shown(walk, place, terms, open) : [noRoom()]));
    way.replaceChildren(...trail.map((one, index) => crumb(one, index)));
    back.disabled = trail.length < 2;
    aside.hidden = false;
    document.body.classList.add("opened");
    aside.scrollTop = 0;
    heading.focus({ preventScroll: true });
    onOpen(place);
  }

  /**
   * @param {Position} place
   * @param {number} index
   */
  function crumb(place, index) {
    const words = place[0] === "input" ? "input" : `${place[0]}[${place.slice(1).join(", ")}]`;
    const last = index === trail.length - 1;
    const inside = last
      ? element("span", { text: words, "aria-current": "true" })
      : element("button", { type: "button", text: words, onclick: () => goTo(index) });
    return element("li", {}, inside);
  }

  /** @param {number} index */
  function goTo(index) {
    trail.splice(index + 1);
    render();
  }

  function stepBack() {
    if (trail.length < 2) shut();
    else goTo(trail.length - 2);
  }

  function shut() {
    trail.length = 0;
    aside.hidden = true;
    document.body.classList.remove("opened");
    onOpen(null);
    returnTo?.focus();
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.matches(TYPED_INTO);
    if (aside.hidden || typing) return;
    if (event.key === "Escape") shut();
    else if (event.key === "Backspace") stepBack();
    else return;
    event.preventDefault();
  });

  /**
   * Open from elsewhere in the page: a new way begins.
   * @param {Position} place
   */
  function begin(place) {
    trail.length = 0;
    open(place);
  }
  return { aside, begin };
}
