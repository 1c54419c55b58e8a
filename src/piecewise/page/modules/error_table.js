/** The deck's error table, sortable; and the training loss by epoch. */

import { reportSection, scrollingTable } from "piecewise/parts.js";
import { aligned, element, number, separated, svgElement } from "piecewise/text.js";

const ROWS_SHOWN = 30;

/** @param {Pick<EvaluateData, "error_table" | "history">} data */
export function errorTableSection(data) {
  const { error_table: table } = data;
  const body = element("tbody");
  const more = element("button", { type: "button", class: "more" });
  let rows = [...table.rows];
  let shown = ROWS_SHOWN;
  const show = () => {
    body.replaceChildren(...rows.slice(0, shown).map(tableRow));
    more.hidden = shown >= rows.length;
    more.textContent = `show more (${separated(rows.length - shown)} left)`;
  };
  more.addEventListener("click", () => {
    shown += 5 * ROWS_SHOWN;
    show();
  });
  /** @type {Record<string, (row: ErrorRow) => string | number>} */
  const sorters = {
    example: (row) => row.name,
    "true label": (row) => row.label,
    "actual answer": (row) => row.actual,
    error: (row) => row.error,
  };
  let [by, descending] = ["error", true];
  const head = element("tr");
  const renderHead = () =>
    head.replaceChildren(
      ...Object.keys(sorters).map((name) =>
        element(
          "th",
          {
            scope: "col",
            "aria-sort": name === by ? (descending ? "descending" : "ascending") : "none",
          },
          element("button", {
            type: "button",
            text: name === by ? `${name} ${descending ? "\u2193" : "\u2191"}` : name,
            onclick: () => sortBy(name),
          }),
        ),
      ),
    );
  /** @param {string} name */
  const sortBy = (name) => {
    descending = name === by ? !descending : name === "error";
    by = name;
    const [key, sign] = [sorters[name], descending ? -1 : 1];
    rows = [...table.rows].sort((a, b) => sign * (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
    renderHead();
    show();
    head.querySelectorAll("button")[Object.keys(sorters).indexOf(name)].focus();
  };
  renderHead();
  show();
  const listed =
    table.rows.length < table.n ? `; the ${table.rows.length} largest errors are listed` : "";
  return reportSection(
    "errors",
    "Errors",
    `The error of an example is |right answer \u2212 actual answer|, summed over the classes. Right answers are 1 for the ` +
      `true label and 0 for the others; actual answers are the ${table.outputs}, listed for the true label. ` +
      `The total error of ${separated(table.n)} examples is ${number(table.total, 6)}${listed}.`,
    lossCurve(data.history),
    scrollingTable(
      "Errors",
      element("table", { class: "errors" }, element("thead", {}, head), body),
    ),
    more,
  );
}

/** @param {ErrorRow} row */
function tableRow(row) {
  const cells = [row.name, row.label, aligned(row.actual, 1), aligned(row.error, 1)];
  return element(
    "tr",
    {},
    ...cells.map((text, i) => element("td", { class: i > 1 ? "number" : "name", text })),
  );
}

/**
 * The training loss by epoch.
 * @param {{ loss: number }[]} history
 */
function lossCurve(history) {
  if (history.length < 2) return null;
  const [width, height] = [420, 130];
  const losses = history.map((epoch) => epoch.loss);
  const most = Math.max(...losses);
  /** @param {number} i */
  const x = (i) => 40 + ((width - 50) * i) / (losses.length - 1);
  /** @param {number} loss */
  const y = (loss) => 8 + (height - 32) * (1 - loss / most);
  const words = `Training loss: ${number(losses[0], 3)} in the first epoch, ${number(losses.at(-1), 3)} in the last.`;
  const svg = svgElement("svg", {
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": words,
  });
  svg.append(
    svgElement("line", { x1: 40, x2: width - 10, y1: y(0), y2: y(0), class: "rule" }),
    svgElement("text", { x: 36, y: y(most) + 6, "text-anchor": "end", text: number(most, 2) }),
    svgElement("text", { x: 36, y: y(0) + 4, "text-anchor": "end", text: "0" }),
    svgElement("text", { x: 40, y: height - 6, text: "epoch 1" }),
    svgElement("text", {
      x: width - 10,
      y: height - 6,
      "text-anchor": "end",
      text: `${losses.length}`,
    }),
    svgElement("polyline", {
      class: "probability",
      points: losses.map((loss, i) => `${x(i).toFixed(1)},${y(loss).toFixed(1)}`).join(" "),
    }),
  );
  return element("figure", { class: "curve" }, svg, element("figcaption", { text: words }));
}
