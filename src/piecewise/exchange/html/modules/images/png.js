/**
 * PNG files to pixels. The decoder of a browser multiplies colours by their opacity and divides
 * again, which changes transparent pictures, and reads 8 of 16 bits; this one is exact.
 */

const MAX_PIXELS = 64_000_000;
const CHANNELS = [1, 0, 3, 1, 2, 0, 4];
/** Adam7: first row and column of each pass, and the steps to the next. */
const PASSES = [
  [0, 0, 8, 8],
  [0, 4, 8, 8],
  [4, 0, 8, 4],
  [0, 2, 4, 4],
  [2, 0, 4, 2],
  [0, 1, 2, 2],
  [1, 0, 2, 1],
];

/** @typedef {{ width: number, height: number, depth: number, colour: number, interlaced: boolean }} Header */

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<Picture>}
 */
export async function decodePng(bytes) {
  const chunks = readChunks(bytes);
  const header = readHeader(chunks.IHDR[0]);
  const { width, height } = header;
  const rows = await inflate(chunks.IDAT ?? []);
  const levels = readLevels(rows, header);
  const picture = { width, height, ...colours(levels, header, chunks) };
  return turned(picture, orientation(chunks.eXIf?.[0] ?? new Uint8Array()));
}

/**
 * The contents of the chunks by their names.
 * @param {Uint8Array} bytes
 * @returns {Record<string, Uint8Array[]>}
 */
function readChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** @type {Record<string, Uint8Array[]>} */
  const chunks = {};
  for (let at = 8; at + 12 <= bytes.length;) {
    const size = view.getUint32(at);
    if (at + 12 + size > bytes.length) throw new Error("it is truncated");
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    (chunks[name] ??= []).push(bytes.subarray(at + 8, at + 8 + size));
    if (name === "IEND") break;
    at += 12 + size;
  }
  if (!chunks.IHDR || chunks.IHDR[0].length < 13) throw new Error("it has no header");
  return chunks;
}

/**
 * @param {Uint8Array} bytes
 * @returns {Header}
 */
function readHeader(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  if (!width || !height || width * height > MAX_PIXELS) {
    throw new Error(`it has ${width}x${height} pixels, wanted 1 to ${MAX_PIXELS}`);
  }
  const [depth, colour, interlaced] = [bytes[8], bytes[9], bytes[12] === 1];
  if (!CHANNELS[colour] || ![1, 2, 4, 8, 16].includes(depth)) throw new Error("it is damaged");
  return { width, height, depth, colour, interlaced };
}

/** @param {Uint8Array[]} pieces */
async function inflate(pieces) {
  const stream = new Blob(/** @type {Uint8Array<ArrayBuffer>[]} */ (pieces)).stream();
  const unpacked = stream.pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

/**
 * The levels of all pixels (rows, columns, channels), as the file has them.
 * @param {Uint8Array} rows
 * @param {Header} header
 */
function readLevels(rows, header) {
  const { width, height, depth, colour, interlaced } = header;
  const channels = CHANNELS[colour];
  const levels = new Uint16Array(width * height * channels);
  let at = 0;
  for (const [top, left, down, across] of interlaced ? PASSES : [[0, 0, 1, 1]]) {
    const high = Math.ceil((height - top) / down);
    const wide = Math.ceil((width - left) / across);
    if (high <= 0 || wide <= 0) continue;
    const size = Math.ceil((wide * channels * depth) / 8);
    /** @type {Uint8Array} */
    let above = new Uint8Array(size);
    for (let row = 0; row < high; row++, at += size + 1) {
      if (at + size + 1 > rows.length) throw new Error("it is truncated");
      const line = rows.subarray(at + 1, at + 1 + size);
      unfilter(line, above, rows[at], Math.max(1, (channels * depth) >> 3));
      for (let i = 0; i < wide * channels; i++) {
        const column = left + Math.floor(i / channels) * across;
        const to = ((top + row * down) * width + column) * channels + (i % channels);
        levels[to] = levelAt(line, i, depth);
      }
      above = line;
    }
  }
  return levels;
}

/**
 * @param {Uint8Array} line
 * @param {number} index
 * @param {number} depth
 */
function levelAt(line, index, depth) {
  if (depth === 8) return line[index];
  if (depth === 16) return (line[2 * index] << 8) | line[2 * index + 1];
  const bit = index * depth;
  return (line[bit >> 3] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

/**
 * Undo the filter of a line: each byte was written as its difference from bytes around it.
 * @param {Uint8Array} line
 * @param {Uint8Array} above
 * @param {number} filter
 * @param {number} step bytes from a pixel to the next
 */
function unfilter(line, above, filter, step) {
  if (filter > 4) throw new Error("it is damaged");
  for (let i = 0; i < line.length; i++) {
    const left = i >= step ? line[i - step] : 0;
    const corner = i >= step ? above[i - step] : 0;
    const guesses = [0, left, above[i], (left + above[i]) >> 1];
    line[i] += filter < 4 ? guesses[filter] : paeth(left, above[i], corner);
  }
}

/**
 * @param {number} left
 * @param {number} above
 * @param {number} corner
 */
function paeth(left, above, corner) {
  const guess = left + above - corner;
  const [a, b, c] = [left, above, corner].map((one) => Math.abs(guess - one));
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}

/**
 * Levels as grey or colours, with opacity if some pixels are transparent.
 * @param {Uint16Array} levels
 * @param {Header} header
 * @param {Record<string, Uint8Array[]>} chunks
 * @returns {{ channels: number, data: Uint8Array | Uint16Array }}
 */
function colours(levels, { depth, colour }, chunks) {
  const clear = chunks.tRNS?.[0];
  if (colour === 3) return paletteColours(levels, chunks.PLTE?.[0] ?? new Uint8Array(), clear);
  const channels = CHANNELS[colour];
  const key = clear && channels % 2 ? transparentKey(clear, channels) : null;
  const isDeep = depth === 16 && colour === 0;
  const data = isDeep ? levels : bytesFrom(levels, depth);
  if (!key) return withoutOpacity({ channels, data });
  const level = depth === 16 && !isDeep ? key.map((one) => one >> 8) : key;
  const compared = depth === 16 && !isDeep ? data : levels;
  const pixels = levels.length / channels;
  const mixed = isDeep ? new Uint16Array(2 * pixels) : new Uint8Array((channels + 1) * pixels);
  for (let i = 0; i < pixels; i++) {
    let isClear = true;
    for (let c = 0; c < channels; c++) {
      isClear &&= compared[i * channels + c] === level[c];
      mixed[i * (channels + 1) + c] = data[i * channels + c];
    }
    mixed[i * (channels + 1) + channels] = isClear ? 0 : isDeep ? 1 : 255;
  }
  const made = { channels: channels + 1, data: mixed };
  return isDeep ? made : withoutOpacity(made);
}

/**
 * @param {Uint8Array} clear
 * @param {number} channels
 */
function transparentKey(clear, channels) {
  return Array.from({ length: channels }, (_, c) => (clear[2 * c] << 8) | clear[2 * c + 1]);
}

/**
 * @param {Uint16Array} levels
 * @param {number} depth
 */
function bytesFrom(levels, depth) {
  if (depth === 16) return Uint8Array.from(levels, (level) => level >> 8);
  const scale = depth < 8 ? 255 / ((1 << depth) - 1) : 1;
  return Uint8Array.from(levels, (level) => level * scale);
}

/**
 * @param {Uint16Array} indices
 * @param {Uint8Array} palette
 * @param {Uint8Array | undefined} clear
 */
function paletteColours(indices, palette, clear) {
  const data = new Uint8Array(indices.length * 4);
  indices.forEach((index, i) => {
    for (let c = 0; c < 3; c++) data[4 * i + c] = palette[3 * index + c] ?? 0;
    data[4 * i + 3] = clear?.[index] ?? 255;
  });
  return withoutOpacity({ channels: 4, data });
}

/**
 * A picture without its last channel, if that says that all of it is opaque.
 * @template {{ channels: number, data: Uint8Array | Uint16Array }} T
 * @param {T} picture
 * @returns {T}
 */
export function withoutOpacity(picture) {
  const { channels, data } = picture;
  if (channels % 2) return picture;
  for (let i = channels - 1; i < data.length; i += channels) if (data[i] !== 255) return picture;
  const kept = data.filter((_, i) => i % channels !== channels - 1);
  return { ...picture, channels: channels - 1, data: kept };
}

/**
 * The EXIF orientation, 1 (upright) to 8; 1 if it is missing.
 * @param {Uint8Array} exif
 */
function orientation(exif) {
  const little = exif[0] === 0x49;
  const view = new DataView(exif.buffer, exif.byteOffset, exif.byteLength);
  if (exif.length < 14) return 1;
  const start = view.getUint32(4, little);
  if (start + 2 > exif.length) return 1;
  const end = Math.min(exif.length - 11, start + 2 + 12 * view.getUint16(start, little));
  for (let at = start + 2; at < end; at += 12) {
    if (view.getUint16(at, little) !== 0x0112) continue;
    const isShort = view.getUint16(at + 2, little) === 3;
    const value = isShort ? view.getUint16(at + 8, little) : view.getUint32(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/**
 * A picture, turned upright.
 * @param {Picture} picture
 * @param {number} orientation
 * @returns {Picture}
 */
function turned(picture, orientation) {
  if (orientation === 1) return picture;
  const { width, height, channels, data } = picture;
  const isTransposed = orientation >= 5;
  const [wide, high] = isTransposed ? [height, width] : [width, height];
  const made = data.slice();
  for (let row = 0; row < high; row++) {
    for (let column = 0; column < wide; column++) {
      const y = [3, 4, 7, 8].includes(orientation) ? high - 1 - row : row;
      const x = [2, 3, 6, 7].includes(orientation) ? wide - 1 - column : column;
      const from = (isTransposed ? x * width + y : y * width + x) * channels;
      const to = (row * wide + column) * channels;
      for (let c = 0; c < channels; c++) made[to + c] = data[from + c];
    }
  }
  return { width: wide, height: high, channels, data: made };
}
