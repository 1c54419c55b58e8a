/** Which files were not read, and why. */

import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

const SHOWN = 100; // messages at first

/**
 * The messages, and the files of one that is about several.
 * @param {string} title
 * @param {string[]} messages
 * @param {Record<string, string[]>} [files] by the message
 */
export function leftOut(title, messages, files = {}) {
  const list = element("ul", {});
  const add = (/** @type {string[]} */ some) =>
    list.append(...some.map((text) => item(text, files[text] ?? [])));
  add(messages.slice(0, SHOWN));
  const rest = messages.slice(SHOWN);
  const more = element("button", { type: "button", text: words.showAllOf(messages.length) });
  more.addEventListener("click", () => {
    add(rest);
    more.remove();
  });
  return element(
    "details",
    { class: "refused" },
    element("summary", { text: title }),
    list,
    rest.length ? more : null,
  );
}

/**
 * @param {string} message
 * @param {string[]} paths
 */
function item(message, paths) {
  if (paths.length < 2) return element("li", { text: message });
  const names = paths.map((text) => element("li", { text }));
  return element(
    "li",
    {},
    message,
    element(
      "details",
      {},
      element("summary", { text: words.whichFiles(paths.length) }),
      element("ul", {}, ...names),
    ),
  );
}
