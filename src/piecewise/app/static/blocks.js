/** The net as columns: the input, and blocks of a layer with weights and what follows it. */

const HEADS = new Set(["conv", "full", "embed"]);

/**
 * A block: its layers in order, without dropout.
 * @param {Walk} walk
 * @returns {Layer[][]}
 */
export function blocksOf(walk) {
  /** @type {Layer[][]} */
  const blocks = [];
  for (const layer of walk.data.layers) {
    if (layer.word === "dropout") continue; // it only acts in training
    if (layer.word === "input" || HEADS.has(layer.word) || blocks.length === 1)
      blocks.push([layer]);
    else blocks[blocks.length - 1].push(layer);
  }
  return blocks;
}

/**
 * What says whether two walks have the same columns.
 * @param {Walk} walk
 */
export function structureOf({ data }) {
  const layers = data.layers.map(({ name, notation, shape }) => [name, notation, shape]);
  return JSON.stringify([layers, data.classes, data.votes.layer]);
}

/**
 * Cells of an earlier layer that cells of a layer are made of.
 * @param {Walk} walk
 * @param {string} from
 * @param {CellSpan} span
 * @param {string} to
 * @returns {CellSpan}
 */
export function spanBefore(walk, from, span, to) {
  let found = span;
  for (let name = from; name !== to;) {
    const layer = walk.layer(name);
    if (layer.word === "input") break;
    found = oneBefore(layer, found);
    name = layer.input_layer;
  }
  return found;
}

/**
 * @param {Exclude<Layer, InputLayer>} layer
 * @param {CellSpan} span
 * @returns {CellSpan}
 */
function oneBefore(layer, span) {
  const [, rows, columns] = layer.input_shape;
  if (layer.word === "full") return { top: 0, left: 0, height: rows, width: columns };
  if (layer.word === "embed") return { ...span, top: 0, height: rows };
  if (layer.word !== "conv" && layer.word !== "pool") return span;
  const [top, height] = reach(layer.rows, span.top, span.height);
  const [left, width] = reach(layer.columns, span.left, span.width);
  return { top, left, height, width };
}

/**
 * The cells that some windows in a row cover.
 * @param {Window1D[]} windows
 * @param {number} first
 * @param {number} count
 * @returns {[number, number]}
 */
function reach(windows, first, count) {
  const [start] = windows[first];
  const [last, size] = windows[first + count - 1];
  return [start, last + size - start];
}

/**
 * The number of the head of a block that decides a number of a later layer of it: the largest cell
 * of a pooling window, the same cell of all other layers.
 * @param {Walk} walk
 * @param {Position} position
 * @returns {Position}
 */
export function headOf(walk, position) {
  const layer = walk.layer(position[0]);
  if (layer.word === "input" || HEADS.has(layer.word)) return position;
  const [, map, row, column] = position;
  if (layer.word !== "pool") return headOf(walk, [layer.input_layer, map, row, column]);
  const [top, height] = layer.rows[row];
  const [left, width] = layer.columns[column];
  /** @type {Position} */
  let best = [layer.input_layer, map, top, left];
  for (let y = top; y < top + height; y++)
    for (let x = left; x < left + width; x++) {
      /** @type {Position} */
      const cell = [layer.input_layer, map, y, x];
      if ((walk.value(cell) ?? 0) > (walk.value(best) ?? 0)) best = cell;
    }
  return headOf(walk, best);
}
