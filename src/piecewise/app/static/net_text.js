/** The net as text: a table of its layers on the current input, for those who do not see the maps. */

import { blocksOf } from "app/blocks.js";
import { state, watch } from "app/store.js";
import { words } from "app/words/net_text.js";
import { element, number } from "piecewise/text.js";

const NAMED = 5; // maps of a layer

/** The table, which is renewed with every answer while it is seen. */
export function netText() {
  const body = element("tbody");
  const head = words.columns.map((text) => element("th", { scope: "col", text }));
  const table = element(
    "table",
    { class: "net-text" },
    element("caption", { text: words.caption }),
    element("thead", {}, element("tr", {}, ...head)),
    body,
  );
  watch(["walk"], () => {
    const { walk } = state;
    if (walk && table.offsetParent !== null) show(body, walk);
  });
  return { table, show: () => state.walk && show(body, state.walk) };
}

/**
 * @param {HTMLElement} body
 * @param {Walk} walk
 */
function show(body, walk) {
  const layers = blocksOf(walk).flat();
  body.replaceChildren(...layers.map((layer) => row(walk, layer)));
}

/**
 * @param {Walk} walk
 * @param {Layer} layer
 */
function row(walk, { name, notation, shape }) {
  const values = walk.activation(name)?.values;
  const [count, rows, columns] = shape;
  const cells = rows * columns;
  const largest = Array.from({ length: values ? count : 0 }, (_, map) => {
    let most = 0;
    for (let i = map * cells; i < (map + 1) * cells; i++)
      if (Math.abs(values?.[i] ?? 0) > Math.abs(most)) most = values?.[i] ?? 0;
    return { map, most };
  });
  const silent = largest.filter(({ most }) => most === 0).length;
  const strongest = largest.sort((a, b) => Math.abs(b.most) - Math.abs(a.most)).slice(0, NAMED);
  const named = strongest.filter(({ most }) => most !== 0);
  const texts = [
    notation,
    shape.join("\u00d7"),
    named
      .map(({ map, most }) => words.most(count, walk.mapName(name, map), number(most, 3)))
      .join("; "),
    count > 1 ? String(silent) : "",
  ];
  return element(
    "tr",
    {},
    element("th", { scope: "row", text: name }),
    ...texts.map((text) => element("td", { text })),
  );
}
