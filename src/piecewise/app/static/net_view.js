/** The net of the answer, and the number of it that is open; loaded when there is a net. */

import { cellOf, cellText, setView } from "app/address.js";
import { arithmetic } from "app/arithmetic.js";
import { chooseMap } from "app/chosen.js";
import { Net } from "app/net.js";
import { state, watch } from "app/store.js";
import { panel } from "piecewise/panel.js";
import { termsOf } from "piecewise/views/index.js";

/**
 * Show the net in a section. The function that is returned opens the number that the address names.
 * @param {HTMLElement} section
 * @param {import("app/pad.js").Pad} pad
 */
export function netView(section, pad) {
  const bench = /** @type {HTMLElement} */ (section.parentElement);
  /** @type {ReturnType<typeof panel> | null} */
  let opened = null;
  const net = new Net(
    section,
    (position) => opened?.openNumber(position),
    (span) => pad.mark(span),
  );
  /** Show the row of a map. @param {string} layer @param {number} map */
  const showMap = (layer, map) => {
    opened?.close();
    chooseMap(layer, map);
    section.querySelector(".map-row")?.scrollIntoView({ block: "nearest" });
  };
  /** @param {Position | null} position */
  const onOpen = (position) => {
    if (position || !state.view.of) setView({ cell: position && cellText(position), of: null });
    bench.classList.toggle("opened-number", position !== null);
    if (position && position[0] !== "input") chooseMap(position[0], position[1]);
    net.pin(position);
    if (position) document.getElementById("open-number")?.scrollIntoView({ block: "nearest" });
  };
  const visit = () => {
    const { cell: text, of } = state.view; // of the attempt that answers, or of the other one
    const cell = of && of === state.view.with ? null : cellOf(text);
    if (state.walk && opened && (!cell || state.walk.has(cell))) opened.visit(cell);
  };
  watch(["walk"], () => {
    const { walk } = state;
    if (!walk) return undefined;
    if (opened) return opened.refresh();
    opened = panel(walk, onOpen, arithmetic(showMap));
    bench.append(opened.aside);
    window.piecewise = { walk, termsOf, openNumber: opened.openNumber }; // for the console
    if (state.place === "look") visit();
    return undefined;
  });
  let isComparing = false; // whether the section of two attempts is loaded
  watch(["view"], async () => {
    if (isComparing || !state.view.with) return;
    isComparing = true;
    const { compareSection } = await import("app/compare.js");
    section.append(
      compareSection(bench, {
        open: (position) => opened?.openNumber(position),
        close: () => opened?.close(),
      }),
    );
  });
  return visit;
}
