/**
 * The numbers of a walk: every activation and every parameter, as the engine computed them.
 * The page only looks numbers up; it computes no layer.
 */

/**
 * Decode base64.
 * @param {string} text
 */
function bytesOf(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < characters.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/**
 * Decompress gzip.
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
async function decompress(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Join the first, second, third and fourth bytes of all numbers to float32.
 * @param {Uint8Array} planes
 */
function joinBytes(planes) {
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
export async function unpack({ text, shapes }) {
  return arraysOf(joinBytes(await decompress(bytesOf(text))), shapes);
}

/**
 * The arrays of these shapes in a flat one, by their names.
 * @param {Float32Array} flat
 * @param {Record<string, number[]>} shapes
 * @returns {Map<string, Matrix>}
 */
function arraysOf(flat, shapes) {
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
 * The index in a flat array of this shape.
 * @param {number[]} shape
 * @param {number[]} at
 */
export function offset(shape, at) {
  return at.reduce((sum, index, axis) => sum * shape[axis] + index, 0);
}

export class Walk {
  /**
   * @param {ExplainData} data
   * @param {Map<string, Matrix>} arrays from `unpack`
   */
  constructor(data, arrays) {
    this.data = data;
    this.arrays = arrays;
    this.layers = new Map(data.layers.map((layer) => [layer.name, layer]));
  }

  /**
   * Take the numbers of another answer, so that what shows this walk shows them.
   * @param {ExplainData} data
   * @param {Map<string, Matrix>} arrays
   */
  renew(data, arrays) {
    this.data = data;
    this.arrays = arrays;
    this.layers = new Map(data.layers.map((layer) => [layer.name, layer]));
  }

  /**
   * Arrays of float32 numbers, one after another in a buffer.
   * @param {ArrayBuffer} buffer
   * @param {number} start the first byte, a multiple of 4
   * @param {Record<string, number[]>} shapes
   */
  static arraysOf(buffer, start, shapes) {
    return arraysOf(new Float32Array(buffer, start), shapes);
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
   * The activation of a layer, or undefined if it is left out of the page.
   * @param {string} name
   */
  activation(name) {
    return this.arrays.get(`activation ${name}`);
  }

  /**
   * The position of a value of a layer, counted map by map and row by row.
   * @param {string} name
   * @param {number} index
   * @returns {Position}
   */
  positionAt(name, index) {
    const [, rows, columns] = this.layer(name).shape;
    const map = Math.floor(index / (rows * columns));
    return [name, map, Math.floor(index / columns) % rows, index % columns];
  }

  /** @param {string} name */
  array(name) {
    return this.arrays.get(name);
  }

  /** Whether the input is a text: one word number per position. */
  get readsWords() {
    return this.layers.size > 1 && this.data.layers[1].word === "embed";
  }

  /**
   * The number at a position [layer, map, row, column]; undefined if it is left out. A
   * text is one-hot: 1 at the row of the word at this position, else 0.
   * @param {Position} position
   * @returns {number | undefined}
   */
  value([name, ...at]) {
    const activation = this.activation(name);
    if (!activation) return undefined;
    if (name === "input" && this.readsWords) return activation.values[at[2]] === at[1] ? 1 : 0;
    return activation.values[offset(activation.shape, at)];
  }

  /**
   * Whether the walk has a number at a position.
   * @param {Position} position
   */
  has([name, ...at]) {
    const shape = this.layers.get(name)?.shape;
    return shape !== undefined && at.every((index, axis) => index < shape[axis]);
  }

  /**
   * A number of a parameter of the net, by its index.
   * @param {string} name
   * @param {number[]} at
   * @returns {number | undefined}
   */
  weight(name, at) {
    const array = this.array(name);
    return array && array.values[offset(array.shape, at)];
  }

  /** The word at each position of a text, "" after its end; undefined for other inputs. */
  get words() {
    const { kind, columns } = this.data.axes;
    return kind === "texts" ? columns.labels : undefined;
  }

  /** What a position of a text holds: a word or a letter. */
  get textUnit() {
    return this.data.axes.columns.name;
  }

  /**
   * The word at a position of a text, in quotes; empty for other inputs.
   * @param {number} position
   */
  wordAt(position) {
    const word = this.words?.[position];
    return word ? ` (\u201c${word}\u201d)` : "";
  }

  /**
   * A cell of the input in the units of its preprocessing: pixels, or hertz and seconds.
   * @param {number} row
   * @param {number} column
   */
  cellWords(row, column) {
    const { rows, columns } = this.data.axes;
    if (this.words) return columns.labels[column];
    return `${rows.labels[row]}, ${columns.labels[column]}`;
  }

  /** The name of the last layer, whose numbers are the logits. */
  get last() {
    return this.data.layers[this.data.layers.length - 1].name;
  }

  /**
   * The name of a map: a colour of the input, the class of a logit, or its number.
   * @param {string} layer
   * @param {number} map
   */
  mapName(layer, map) {
    if (layer === "input" && this.data.channels.length) return this.data.channels[map];
    if (layer === this.last && layer !== "input")
      return `logit of ${this.data.classes[map] ?? `class ${map}`}`;
    return `map ${map + 1}`;
  }

  /**
   * A position as text, counted from 1: conv1, map 3, row 4, column 5.
   * @param {Position} position
   */
  describe([name, map, y, x]) {
    const { shape } = this.layer(name);
    const [row, column] = [y + 1, x + 1];
    if (name === "input" && shape[0] === 1) return `input, row ${row}, column ${column}`;
    if (shape[1] === 1 && shape[2] === 1)
      return `${name}, ${name === this.last ? this.mapName(name, map) : `number ${map + 1}`}`;
    return `${name}, ${this.mapName(name, map)}, row ${row}, column ${column}`;
  }
}
