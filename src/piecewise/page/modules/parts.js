/** Parts of a page: sections and tables. */

import { element } from "piecewise/text.js";

/**
 * A section of a report: a heading, one or two sentences about what is below them, and the rest.
 * @param {string} id
 * @param {string} heading
 * @param {string} hint left out if it is empty
 * @param {...(Node | null)} children
 */
export function reportSection(id, heading, hint, ...children) {
  return element(
    "section",
    { id },
    element("h2", { text: heading }),
    hint ? element("p", { class: "hint", text: hint }) : null,
    ...children,
  );
}

/**
 * A table with a title over each column; a column without a title has an empty cell.
 * @param {Record<string, any>} set attributes
 * @param {string[]} titles
 * @param {...HTMLTableSectionElement} sections its body, and its foot
 */
export function titledTable(set, titles, ...sections) {
  const head = titles.map((text) => (text ? element("th", { scope: "col", text }) : element("td")));
  return element("table", set, element("thead", {}, element("tr", {}, ...head)), ...sections);
}

/**
 * A table that scrolls by itself if it is too wide.
 * @param {string} label
 * @param {HTMLTableElement} table
 */
export function scrollingTable(label, table) {
  return element(
    "div",
    { class: "scrolls", tabindex: "0", role: "region", "aria-label": label },
    table,
  );
}
