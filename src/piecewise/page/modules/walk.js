/**
 * The numbers of a walk, as the page got them: every stack and every array, and who made which.
 * Nothing is computed here that a net computes; numbers are looked up.
 */

/**
 * Base64 -> bytes.
 * @param {string} text
 */
function bytesOf(text) {
  const marks = atob(text);
  const bytes = new Uint8Array(marks.length);
  for (let i = 0; i < marks.length; i++) bytes[i] = marks.charCodeAt(i);
  return bytes;
}

/**
 * Bytes of gzip -> bytes.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
async function unzipped(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Planes of first, second, third and fourth bytes -> the float32 that they make.
 * @param {Uint8Array} planes
 */
function joined(planes) {
  const count = planes.length / 4;
  const bytes = new Uint8Array(planes.length);
  for (let byte = 0; byte < 4; byte++) {
    for (let i = 0; i < count; i++) bytes[4 * i + byte] = planes[byte * count + i];
  }
  return new Float32Array(bytes.buffer);
}

/**
 * @param {PackedArrays} packed arrays by name, one after another
 * @returns {Promise<Map<string, Matrix>>}
 */
export async function unpacked({ text, shapes }) {
  const flat = joined(await unzipped(bytesOf(text)));
  const arrays = new Map();
  let start = 0;
  for (const [name, shape] of Object.entries(shapes)) {
    const size = shape.reduce((product, side) => product * side, 1);
    arrays.set(name, { shape, values: flat.subarray(start, start + size) });
    start += size;
  }
  return arrays;
}

/**
 * Where a number of a place lies in a flat array of this shape.
 * @param {number[]} shape
 * @param {number[]} at
 */
export function offset(shape, at) {
  return at.reduce((sum, index, axis) => sum * shape[axis] + index, 0);
}

export class Walk {
  /**
   * @param {ExplainData} data
   * @param {Map<string, Matrix>} arrays from `unpacked`
   */
  constructor(data, arrays) {
    this.data = data;
    this.arrays = arrays;
    this.layers = new Map(data.layers.map((layer) => [layer.name, layer]));
  }

  /**
   * @param {string} name
   * @returns {Layer}
   */
  layer(name) {
    const layer = this.layers.get(name);
    if (!layer) throw new Error(`no layer ${name}`);
    return layer;
  }

  /**
   * The stack of a layer {shape, values}, or undefined where there was no room for it.
   * @param {string} name
   */
  stack(name) {
    return this.arrays.get(`stack ${name}`);
  }

  /** @param {string} name */
  array(name) {
    return this.arrays.get(name);
  }

  /** Whether the input is words: one number a position. */
  get readsWords() {
    return this.layers.size > 1 && this.data.layers[1].word === "embed";
  }

  /**
   * The number at a place [layer, map, row, column]; undefined where the page has none. A text's
   * input is the deck's picture of it: 1 where a word stands.
   * @param {Position} position
   * @returns {number | undefined}
   */
  value([name, ...at]) {
    const stack = this.stack(name);
    if (!stack) return undefined;
    if (name === "input" && this.readsWords) return stack.values[at[2]] === at[1] ? 1 : 0;
    return stack.values[offset(stack.shape, at)];
  }

  /**
   * A number of an array of the net, by its place there.
   * @param {string} name
   * @param {number[]} at
   * @returns {number | undefined}
   */
  weight(name, at) {
    const array = this.array(name);
    return array && array.values[offset(array.shape, at)];
  }

  /** What stands at each position of a text, "" after its end; nothing for other inputs. */
  get words() {
    const { kind, columns } = this.data.axes;
    return kind === "texts" ? columns.labels : undefined;
  }

  /**
   * The word at a position of a text, in quotes; nothing for other inputs.
   * @param {number} position
   */
  wordAt(position) {
    const word = this.words?.[position];
    return word ? ` (\u201c${word}\u201d)` : "";
  }

  /**
   * A cell of the input in the terms of its preparation: pixels, or hertz and seconds.
   * @param {number} row
   * @param {number} column
   */
  cellWords(row, column) {
    const { rows, columns } = this.data.axes;
    if (this.words) return columns.labels[column];
    return `${rows.labels[row]}, ${columns.labels[column]}`;
  }
}
