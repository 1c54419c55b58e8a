/** A list of choices that opens at a button and closes by Escape or a press elsewhere. */

import { element } from "piecewise/text.js";

/**
 * @typedef {{ name: string, detail?: string, isCurrent?: boolean, refusal?: string | null,
 *   choose: () => void }} Choice
 */

/**
 * Open a list at a button; the focus goes to the current choice, and back at the end.
 * @param {HTMLElement} anchor
 * @param {string} label
 * @param {Choice[]} choices
 */
export function openChoices(anchor, label, choices) {
  document.querySelector(".choices")?.remove();
  const box = element("div", {
    class: "choices",
    popover: "auto",
    role: "group",
    "aria-label": label,
  });
  const buttons = choices.map((choice) => choiceButton(choice, () => close(choice.choose)));
  box.append(...buttons);
  const close = (/** @type {() => void} */ then) => {
    box.hidePopover();
    anchor.focus();
    then();
  };
  box.addEventListener("keydown", (event) => {
    const at = buttons.findIndex((one) => one === document.activeElement);
    /** @type {Record<string, number>} */
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 };
    if (!(event.key in to)) return;
    event.preventDefault();
    buttons[(to[event.key] + buttons.length) % buttons.length].focus();
  });
  box.addEventListener("toggle", () => {
    if (!box.matches(":popover-open")) box.remove();
    anchor.setAttribute("aria-expanded", String(box.isConnected));
  });
  document.body.append(box);
  box.showPopover();
  place(box, anchor);
  (buttons.find((one) => one.getAttribute("aria-current")) ?? buttons[0])?.focus();
}

/**
 * Put a box under a button, within the window.
 * @param {HTMLElement} box
 * @param {HTMLElement} anchor
 */
function place(box, anchor) {
  const at = anchor.getBoundingClientRect();
  const { width, height } = box.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left, innerWidth - width - 8));
  const below = at.bottom + 4;
  const top = below + height < innerHeight ? below : Math.max(8, innerHeight - height - 8);
  Object.assign(box.style, { left: `${left}px`, top: `${top}px` });
}

/**
 * @param {Choice} choice
 * @param {() => void} press
 */
function choiceButton({ name, detail, isCurrent, refusal }, press) {
  return element(
    "button",
    {
      type: "button",
      class: "choice",
      "aria-current": isCurrent ? "true" : null,
      "aria-disabled": refusal ? "true" : null,
      onclick: () => !refusal && press(),
    },
    element("b", { text: name }),
    element("span", { class: "sub", text: refusal ?? detail ?? "" }),
  );
}
