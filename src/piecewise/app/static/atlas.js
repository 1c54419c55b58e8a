/** Thumbnails of samples: many in one picture of the server. */

import { request } from "app/ask.js";

const MOST = 200; // in one sheet, as the server
const SIDE = 64;
const ACROSS = 20;
/** @type {Map<string, Thumbnail>} */
const thumbnails = new Map();

/**
 * Get the thumbnails of samples that are not known yet.
 * @param {string[]} ids
 */
export async function loadThumbnails(ids) {
  const missing = ids.filter((id) => !thumbnails.has(id));
  for (let start = 0; start < missing.length; start += MOST) {
    const some = missing.slice(start, start + MOST);
    const response = await request("POST", "/api/atlas", { ids: some, side: SIDE });
    const sheet = URL.createObjectURL(
      new Blob([await response.arrayBuffer()], { type: "image/png" }),
    );
    const across = Math.min(ACROSS, some.length);
    const down = Math.ceil(some.length / across);
    some.forEach((id, i) =>
      thumbnails.set(id, { sheet, column: i % across, row: Math.floor(i / across), across, down }),
    );
  }
}

/**
 * Whether a sample was drawn on the pad.
 * @param {string} id
 */
export function isDrawn(id) {
  return /\/\d+\.png$/.test(id);
}

/**
 * Show a thumbnail as the background of an element; nothing if it is not loaded.
 * @param {HTMLElement} target
 * @param {string} id
 */
export function showThumbnail(target, id) {
  const found = thumbnails.get(id);
  if (!found) return;
  const { sheet, column, row, across, down } = found;
  target.classList.toggle("drawn", isDrawn(id));
  const at = (/** @type {number} */ index, /** @type {number} */ count) =>
    count > 1 ? `${(100 * index) / (count - 1)}%` : "0";
  Object.assign(target.style, {
    backgroundImage: `url("${sheet}")`,
    backgroundSize: `${100 * across}% ${100 * down}%`,
    backgroundPosition: `${at(column, across)} ${at(row, down)}`,
  });
}

/**
 * Show a picture of a sample, larger than its thumbnail.
 * @param {HTMLElement} target
 * @param {string} id
 */
export async function showPicture(target, id) {
  const response = await request("POST", "/api/atlas", { ids: [id], side: 224 });
  const blob = new Blob([await response.arrayBuffer()], { type: "image/png" });
  target.classList.toggle("drawn", isDrawn(id));
  target.style.backgroundImage = `url("${URL.createObjectURL(blob)}")`;
}
