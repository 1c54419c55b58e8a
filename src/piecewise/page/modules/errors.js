/** The deck's error table, sortable; and how the loss fell while the net learned. */

import { drawn, element, number } from "piecewise/text.js";

const FIRST = 30;

/** @param {EvaluateData} data */
export function errorSection(data) {
  const { table } = data;
  const body = element("tbody");
  const more = element("button", { type: "button", class: "more" });
  let rows = [...table.rows];
  let shown = FIRST;
  const show = () => {
    body.replaceChildren(...rows.slice(0, shown).map((row) => line(row)));
    more.hidden = shown >= rows.length;
    more.textContent = `show more of ${rows.length - shown}`;
  };
  more.addEventListener("click", () => {
    shown += 5 * FIRST;
    show();
  });
  /** @type {Record<string, (row: ErrorRow) => string | number>} */
  const sorters = {
    example: (row) => row.name,
    "right answer": (row) => row.right,
    "answer for it": (row) => row.answer,
    error: (row) => row.error,
  };
  let [by, falling] = ["error", true];
  const head = element("tr");
  const heads = () =>
    head.replaceChildren(
      ...Object.keys(sorters).map((name) =>
        element(
          "th",
          {
            scope: "col",
            "aria-sort": name === by ? (falling ? "descending" : "ascending") : "none",
          },
          element("button", {
            type: "button",
            text: name === by ? `${name} ${falling ? "\u2193" : "\u2191"}` : name,
            onclick: () => sort(name),
          }),
        ),
      ),
    );
  /** @param {string} name */
  const sort = (name) => {
    falling = name === by ? !falling : name === "error";
    by = name;
    const [key, sign] = [sorters[name], falling ? -1 : 1];
    rows = [...table.rows].sort((a, b) => sign * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
    heads();
    show();
    head.querySelectorAll("button")[Object.keys(sorters).indexOf(name)].focus();
  };
  heads();
  show();
  const listed = table.rows.length < table.n ? `; the ${table.rows.length} largest are listed` : "";
  return element(
    "section",
    { id: "errors" },
    element("h2", { text: "Errors" }),
    element("p", {
      class: "hint",
      text:
        `An example\u2019s error is |right answer \u2212 actual answer|, added up over the classes. Actual answers ` +
        `are ${table.kind}. In all ${number(table.total, 6)} for ${table.n} examples${listed}.`,
    }),
    fall(data.history),
    element(
      "div",
      { class: "wide", tabindex: "0", role: "region", "aria-label": "Errors" },
      element("table", { class: "errors" }, element("thead", {}, head), body),
    ),
    more,
  );
}

/** @param {ErrorRow} row */
function line(row) {
  const cells = [row.name, row.right, number(row.answer, 4), number(row.error, 4)];
  return element(
    "tr",
    {},
    ...cells.map((text, i) => element("td", { class: i > 1 ? "number" : "name", text })),
  );
}

/**
 * The loss by epoch.
 * @param {{ loss: number }[]} history
 */
function fall(history) {
  if (history.length < 2) return null;
  const [wide, high] = [420, 130];
  const losses = history.map((epoch) => epoch.loss);
  const most = Math.max(...losses);
  /** @param {number} i */
  const x = (i) => 40 + ((wide - 50) * i) / (losses.length - 1);
  /** @param {number} loss */
  const y = (loss) => 8 + (high - 32) * (1 - loss / most);
  const words = `Loss while it learned: ${number(losses[0], 3)} in the first epoch, ${number(losses.at(-1), 3)} in the last.`;
  const svg = drawn("svg", { viewBox: `0 0 ${wide} ${high}`, role: "img", "aria-label": words });
  svg.append(
    drawn("line", { x1: 40, x2: wide - 10, y1: y(0), y2: y(0), class: "rule" }),
    drawn("text", { x: 36, y: y(most) + 6, "text-anchor": "end", text: number(most, 2) }),
    drawn("text", { x: 36, y: y(0) + 4, "text-anchor": "end", text: "0" }),
    drawn("text", { x: 40, y: high - 6, text: "epoch 1" }),
    drawn("text", { x: wide - 10, y: high - 6, "text-anchor": "end", text: `${losses.length}` }),
    drawn("polyline", {
      class: "votes",
      points: losses.map((loss, i) => `${x(i).toFixed(1)},${y(loss).toFixed(1)}`).join(" "),
    }),
  );
  return element("figure", { class: "curve" }, svg, element("figcaption", { text: words }));
}
