/** Top patches: the patches of the training split that match each feature best and worst. */

import { reportSection } from "piecewise/parts.js";
import { element, number } from "piecewise/text.js";

/** @param {Walk} walk */
export function topPatchesSection(walk) {
  const { top_patches: features } = walk.data;
  if (!features.length) return null;
  return reportSection(
    "features",
    "What the features look for",
    "The patches of the training examples that match each feature best and worst, with the value of the match.",
    ...features.map(block),
  );
}

/** @param {TopPatches} feature */
function block(feature) {
  return element(
    "div",
    { class: "feature" },
    element("h3", { text: `${feature.layer}, map ${feature.map + 1}` }),
    row("best", feature.best),
    row("worst", feature.worst),
  );
}

/**
 * @param {string} title
 * @param {PatchMatch[]} matches
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
        match.image
          ? element("img", { src: match.image, alt: match.description })
          : element("p", { class: "excerpt", text: match.description }),
        match.sound ? playButton(match.sound, match.description) : null,
        element("figcaption", {
          text: number(match.value, 3),
          title: match.title ?? match.description,
        }),
      ),
    ),
  );
}

/**
 * A button that plays the half second around a match.
 * @param {string} address of the sound
 * @param {string} description
 */
function playButton(address, description) {
  const sound = new Audio(address);
  return element("button", {
    type: "button",
    text: "\u25b6",
    "aria-label": `play ${description}`,
    onclick: () => sound.play(),
  });
}
