/** The candidates that were tried before the training, and the one that was chosen. */

import { reportSection, scrollingTable, titledTable } from "piecewise/parts.js";
import { element, percent, separated } from "piecewise/text.js";

/** @param {Trial[]} trials */
export function trialsSection(trials) {
  if (!trials.length) return null;
  const titles = ["candidate", "right in the trial", "examples", "epochs", "layers", ""];
  const body = element("tbody", {}, ...trials.map(row));
  return reportSection(
    "trials",
    "What was tried",
    "Each candidate was trained briefly and scored on held-out training data. The best one was then trained in full.",
    scrollingTable("What was tried", titledTable({ class: "errors" }, titles, body)),
  );
}

/** @param {Trial} trial */
function row({ name, accuracy, n, epochs, layers, chosen, note }) {
  const numbers = [
    accuracy === null ? "?" : percent(accuracy),
    n === null ? "?" : separated(n),
    epochs === null ? "?" : separated(epochs),
  ];
  return element(
    "tr",
    { class: chosen ? "chosen" : null },
    element("th", { scope: "row", class: "name", text: name }),
    ...numbers.map((text) => element("td", { class: "number", text })),
    element("td", { class: "name", text: layers }),
    element("td", { class: "name", text: chosen ? "chosen" : note }),
  );
}
