/** The panel that shows how a number is computed, and the path of numbers that led to it. */

import { element, exactNumber } from "piecewise/text.js";
import { hasNumbers } from "piecewise/views/terms.js";
import { showTerms, termsOf } from "piecewise/views/index.js";

const TYPED_INTO = "input, select, textarea";

let panels = 0; // of the page, each with an id of its own

function leftOutNote() {
  const words =
    "Some of its terms are left out, to keep the file small; piecewise why prints them.";
  return element("p", { class: "step", text: words });
}

/**
 * @param {Walk} walk
 * @param {(position: Position | null) => void} onOpen called with each position that is opened, and with null when the panel closes
 * @param {typeof showTerms} show elements that show the arithmetic
 */
export function panel(walk, onOpen, show = showTerms) {
  /** @type {Position[]} */
  const trail = []; // positions, in the order in which they were opened
  const id = panels++ ? `open-number-${panels}` : "open-number";
  const heading = element("h2", { id, tabindex: "-1" });
  const breadcrumbs = element("ol", { class: "trail", "aria-label": "Path to this number" });
  const body = element("div", { class: "arithmetic" });
  const back = element("button", {
    type: "button",
    text: "\u2190 back",
    onclick: () => goBack(),
  });
  const close = element("button", { type: "button", text: "close", onclick: () => closePanel() });
  const aside = element(
    "aside",
    { class: "panel", "aria-labelledby": id, hidden: true },
    element("div", { class: "bar-of-buttons" }, back, close),
    breadcrumbs,
    heading,
    body,
  );
  /** @type {HTMLElement | null} */
  let returnTo = null;

  /** @param {Position} position */
  function open(position) {
    if (walk.value(position) === undefined) return;
    const focused = document.activeElement;
    if (!trail.length) returnTo = focused instanceof HTMLElement ? focused : null;
    trail.push(position);
    render();
  }

  function render() {
    fill();
    aside.hidden = false;
    document.body.classList.add("opened");
    aside.scrollTop = 0;
    heading.focus({ preventScroll: true });
    onOpen(trail[trail.length - 1]);
  }

  function fill() {
    const position = trail[trail.length - 1];
    heading.textContent = `${walk.describe(position)} = ${exactNumber(walk.value(position))}`;
    const terms = termsOf(walk, position);
    const complete = terms.every(hasNumbers);
    body.replaceChildren(...(complete ? show(walk, position, terms, open) : [leftOutNote()]));
    breadcrumbs.replaceChildren(...trail.map((one, index) => crumb(one, index)));
    back.disabled = trail.length < 2;
  }

  /** Show the number anew, after those of the walk have changed; close if it is not there any more. */
  function refresh() {
    if (!trail.length) return;
    if (trail.every((position) => walk.has(position))) fill();
    else closePanel();
  }

  /**
   * @param {Position} position
   * @param {number} index
   */
  function crumb(position, index) {
    const [name, ...place] = position;
    const counted = place.map((one) => one + 1); // from 1
    const words = name === "input" ? name : `${name} (${counted.join(", ")})`;
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

  function goBack() {
    if (trail.length < 2) closePanel();
    else goTo(trail.length - 2);
  }

  function closePanel() {
    trail.length = 0;
    aside.hidden = true;
    document.body.classList.remove("opened");
    onOpen(null);
    returnTo?.focus();
  }

  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof Element && event.target.matches(TYPED_INTO);
    if (aside.hidden || typing) return;
    if (event.key === "Escape") closePanel();
    else if (event.key === "Backspace") goBack();
    else return;
    event.preventDefault();
  });

  /**
   * Open a number from elsewhere in the page; this starts a new path.
   * @param {Position} position
   */
  function openNumber(position) {
    trail.length = 0;
    open(position);
  }

  /**
   * Show a number: go back to it if it is on the path, else start a new path; null closes.
   * @param {Position | null} position
   */
  function visit(position) {
    const index = trail.findIndex((one) => String(one) === String(position));
    if (!position) {
      if (trail.length) closePanel();
    } else if (index < 0) openNumber(position);
    else if (index < trail.length - 1) goTo(index);
  }
  return { aside, visit, openNumber, refresh, close: () => trail.length && closePanel() };
}
