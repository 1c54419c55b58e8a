/** The features of the deck, to be placed on a drawing by hand; and the kernels of the small net. */

import { ask } from "app/ask.js";
import { moveButtons } from "app/learn/moves.js";
import { drawingChoice } from "app/learn/net_part.js";
import { partSection } from "app/learn/part_section.js";
import { numberTable, pixelTable } from "app/learn/pixels.js";
import { signed } from "app/learn/runs.js";
import { learnWords as words } from "app/words/learn.js";
import { titledTable } from "piecewise/parts.js";
import { element } from "piecewise/text.js";

/**
 * @typedef {{ pixels: Pixels, features: Record<string, Pixels>,
 *   agreeing: Record<string, number[][]>, kernels: Record<string, string[][][]> }} FeatureData
 */

/** @param {string[]} names of the classes of the drawings */
export function featurePart(names) {
  return new FeaturePart(names).element;
}

class FeaturePart {
  /** @param {string[]} names */
  constructor(names) {
    /** @type {FeatureData | null} */
    this.data = null;
    this.name = "";
    this.row = 0;
    this.column = 0;
    /** The most pixels that agreed so far, by feature. @type {Record<string, number>} */
    this.best = {};
    this.choice = element("select", { "aria-label": words.feature });
    this.choice.addEventListener("change", () => this.place(this.choice.value, 0, 0));
    this.tables = element("div", { class: "planes" });
    this.tables.addEventListener("click", (event) => this.tap(event));
    this.facts = element("p", { class: "facts", role: "status" });
    this.found = element("tbody");
    this.kernels = element("div", { class: "planes kernels" });
    this.element = partSection(
      words.placeFeature,
      element(
        "div",
        { class: "row" },
        drawingChoice(names, (drawing) => this.load(drawing)),
        this.choice,
      ),
      moveButtons(words.moveFeature, (down, right) =>
        this.place(this.name, this.row + down, this.column + right),
      ),
      this.facts,
      this.tables,
      titledTable({ class: "steps", "aria-label": words.bestFound }, words.bestHead, this.found),
      element("h2", { text: words.kernels }),
      this.kernels,
    );
    this.load(0);
  }

  /** Take a drawing. @param {number} drawing */
  async load(drawing) {
    const found = await ask("POST", "/api/small-net/features", {
      drawing,
    }).catch(() => null);
    if (!found) return; // the strip says that the program is gone
    this.data = /** @type {FeatureData} */ (found);
    const features = Object.keys(this.data.features);
    if (!this.name) {
      this.choice.replaceChildren(
        ...features.map((text) => element("option", { value: text, text })),
      );
      this.showKernels(this.data.kernels);
    }
    this.best = {};
    this.place(this.name || features[0], 0, 0);
  }

  /**
   * Lay a feature over a patch, as far as the drawing reaches.
   * @param {string} name
   * @param {number} row
   * @param {number} column
   */
  place(name, row, column) {
    if (!this.data) return;
    const agreeing = this.data.agreeing[name];
    this.name = name;
    this.row = Math.max(0, Math.min(agreeing.length - 1, row));
    this.column = Math.max(0, Math.min(agreeing[0].length - 1, column));
    this.best[name] = Math.max(this.best[name] ?? 0, agreeing[this.row][this.column]);
    this.show(this.data);
  }

  /** Put the middle of the feature on a pixel that was pressed. @param {Event} event */
  tap(event) {
    const cell = event.target instanceof Element ? event.target.closest("td") : null;
    const row = cell?.closest("tr");
    if (!cell || !row || cell.closest("table") !== this.tables.firstElementChild) return;
    const side = this.data?.features[this.name].length ?? 1;
    const middle = Math.floor(side / 2);
    this.place(this.name, row.sectionRowIndex - middle, cell.cellIndex - 1 - middle);
  }

  /** @param {FeatureData} data */
  show({ pixels, features, agreeing }) {
    const { name, row, column } = this;
    const feature = features[name];
    const side = feature.length;
    const count = side * side;
    const mark = (/** @type {number} */ y, /** @type {number} */ x) => {
      const wanted = feature[y - row]?.[x - column];
      if (wanted === undefined) return "";
      return wanted === pixels[y][x] ? "under same" : "under differs";
    };
    this.tables.replaceChildren(
      pixelTable(pixels, words.underFeature, mark),
      pixelTable(feature, words.featureNamed(name)),
    );
    const now = agreeing[name][row][column];
    this.facts.textContent = signed(
      `${words.patchAt(row + 1, column + 1, side)}: ${words.agree(now, count)}`,
    );
    const found = Object.keys(features).map((one) => {
      const best = this.best[one];
      const text = best === undefined ? words.notPlaced : signed(words.match(best, count));
      return element(
        "tr",
        {},
        element("th", { scope: "row" }, element("code", { text: one })),
        element("td", { text }),
      );
    });
    this.found.replaceChildren(...found);
  }

  /** @param {Record<string, string[][][]>} kernels */
  showKernels(kernels) {
    const tables = Object.entries(kernels).flatMap(([when, all]) =>
      all.map((rows, i) => numberTable(rows, words.kernelNumber(i + 1, words.kernelsWhen[when]))),
    );
    this.kernels.replaceChildren(...tables);
  }
}
