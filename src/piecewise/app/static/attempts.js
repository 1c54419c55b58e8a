/** The attempts: a dot with its interval for every net that was taught; a click answers with it. */

import { setView } from "app/address.js";
import { currentAttempt, state, watch } from "app/store.js";
import { words } from "app/words/en.js";
import { element } from "piecewise/text.js";

const SHOWN = 8;
const LOWEST = 0.4; // the score at the bottom

export function attemptDots() {
  const row = element("div", { class: "dots" });
  const caption = element("figcaption");
  const compare = element("button", {
    type: "button",
    class: "link",
    text: words.compare,
    onclick: () => chooseOther(compare),
  });
  const list = element("button", {
    type: "button",
    class: "link attempts-list",
    onclick: () => chooseNow(list),
  });
  const below = element("div", { class: "attempts-below" }, caption, list, compare);
  const figure = element("figure", { class: "attempts" }, row, below);
  watch(["attempts", "project"], () => {
    const { attempts } = state;
    figure.hidden = attempts.length < 2;
    const now = currentAttempt();
    let shown = attempts.slice(-SHOWN);
    if (now && !shown.includes(now)) shown = [now, ...shown.slice(1)];
    row.replaceChildren(...shown.map((one) => dot(one, now)));
    caption.textContent = list.textContent = words.attempts(attempts.length);
  });
  return figure;
}

/** Choose the attempt that answers, where there is no room for the dots. @param {HTMLElement} button */
async function chooseNow(button) {
  const now = currentAttempt();
  const { openChoices } = await import("app/popup.js");
  const choices = [...state.attempts].reverse().map((one) => ({
    name: words.attempt(one, now),
    isCurrent: one === now,
    choose: () => setView({ attempt: String(one.number) }),
  }));
  openChoices(button, words.attempts(choices.length), choices);
}

/** Choose the attempt that is compared with the one that answers. @param {HTMLElement} button */
async function chooseOther(button) {
  const now = currentAttempt();
  const { openChoices } = await import("app/popup.js"); // needed only now
  const others = state.attempts.filter((one) => one !== now).reverse();
  const choices = others.map((one) => ({
    name: words.attempt(one, now),
    isCurrent: String(one.number) === state.view.with,
    choose: () => setView({ with: String(one.number) }),
  }));
  openChoices(button, words.compareWith, choices);
}

/**
 * @param {Attempt} one
 * @param {Attempt | null} now
 */
function dot(one, now) {
  const { score } = one;
  const whisker = element("i", { class: "whisker" });
  const point = element("i", { class: "point" });
  const height = (/** @type {number} */ value) =>
    `${100 * Math.max(0, (value - LOWEST) / (1 - LOWEST))}%`;
  if (score) {
    whisker.style.bottom = height(score.low);
    whisker.style.top = `calc(100% - ${height(score.high)})`;
    point.style.bottom = `calc(${height(score.right / score.n)} - 2px)`;
  }
  const label = words.attempt(one, now);
  const set = {
    type: "button",
    class: score ? "attempt" : "attempt unscored",
    "aria-label": label,
    title: label,
    "aria-current": one === now ? "true" : null,
    onclick: () => setView({ attempt: String(one.number) }),
  };
  return element("button", set, element("span", { class: "whiskers" }, whisker, point));
}
