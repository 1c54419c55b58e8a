/** What all pages share: the header with its links, light and dark, the section about the net. */

import { repaint } from "piecewise/paint.js";
import { element } from "piecewise/text.js";
import { themeButton } from "piecewise/theme.js";

/**
 * The data that the page was written with.
 * @returns {any}
 */
export function pageData() {
  return JSON.parse(document.getElementById("data")?.textContent ?? "null");
}

/**
 * Assemble the page and mark it as ready.
 * @param {Record<string, string>} titles of the sections by their ids, for the links at the top
 * @param {(HTMLElement | null)[]} sections
 * @param {HTMLElement | null} aside
 */
export function renderPage(titles, sections, aside) {
  const shown = sections.filter((section) => section !== null);
  const links = shown
    .filter((section) => titles[section.id])
    .map((section) => element("a", { href: `#${section.id}`, text: titles[section.id] }));
  const top = element(
    "header",
    { class: "top" },
    element("strong", { text: "piecewise" }),
    element("nav", { "aria-label": "Sections" }, ...links),
    themeButton(repaint),
  );
  document.body.append(top, element("main", {}, ...shown), ...(aside ? [aside] : []));
  requestAnimationFrame(() => {
    document.documentElement.dataset.ready = String(Math.round(performance.now())); // milliseconds
  });
}

/**
 * @param {[string, string][]} rows names and values
 */
export function factsSection(rows) {
  const list = rows.flatMap(([name, value]) => [
    element("dt", { text: name }),
    element("dd", { text: value }),
  ]);
  return element(
    "section",
    { class: "net", id: "net" },
    element("h2", { text: "The net" }),
    element("dl", {}, ...list),
  );
}
