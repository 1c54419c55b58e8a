/** What features look for: the patches of the training set that match best and worst. */

import { element, number } from "piecewise/text.js";

/** @param {Walk} walk */
export function looksSection(walk) {
  const { looks } = walk.data;
  if (!looks?.length) return null;
  return element(
    "section",
    { class: "looks", id: "looks" },
    element("h2", { text: "What its features look for" }),
    element("p", {
      class: "hint",
      text: "Of the training examples, the patches that match best, and worst.",
    }),
    ...looks.map(block),
  );
}

/** @param {Look} look */
function block(look) {
  return element(
    "div",
    { class: "look" },
    element("h3", { text: `${look.layer}, map ${look.feature}` }),
    row("best", look.best),
    row("worst", look.worst),
  );
}

/**
 * @param {string} title
 * @param {Match[]} matches
 */
function row(title, matches) {
  return element(
    "div",
    { class: "matches" },
    element("p", { class: "quiet", text: title }),
    ...matches.map((match) =>
      element(
        "figure",
        { class: "match" },
        match.picture
          ? element("img", { src: match.picture, alt: match.words })
          : element("p", { class: "excerpt", text: match.words }),
        match.sound ? listen(match.sound, match.words) : null,
        element("figcaption", { text: number(match.value, 3), title: match.title ?? match.words }),
      ),
    ),
  );
}

/**
 * A button that lets the half second around a match be heard.
 * @param {string} address of the sound
 * @param {string} words
 */
function listen(address, words) {
  const sound = new Audio(address);
  return element("button", {
    type: "button",
    text: "\u25b6",
    "aria-label": `listen to ${words}`,
    onclick: () => sound.play(),
  });
}
