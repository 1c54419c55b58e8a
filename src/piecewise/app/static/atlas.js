/**
 * Thumbnails of samples: many in one sheet, a picture of the server. Few sheets are kept; of those
 * that no element shows, the oldest are released.
 */

import { request } from "app/ask.js";

const MOST = 200; // in one sheet, as the server
const SIDE = 64;
const ACROSS = 20;
const KEPT = 20; // sheets
/** @type {Map<string, Thumbnail>} */
const thumbnails = new Map();
/** The sheets, the one that was used last at the end. @type {Set<Sheet>} */
const sheets = new Set();
/** The sheet that an element shows. @type {WeakMap<HTMLElement, Sheet>} */
const sheetOf = new WeakMap();

/**
 * Get the thumbnails of samples that are not known yet.
 * @param {string[]} ids
 */
export async function loadThumbnails(ids) {
  const missing = ids.filter((id) => !thumbnails.has(id));
  for (let start = 0; start < missing.length; start += MOST) {
    const some = missing.slice(start, start + MOST);
    const response = await request("POST", "/api/atlas", { ids: some, side: SIDE });
    const url = URL.createObjectURL(
      new Blob([await response.arrayBuffer()], { type: "image/png" }),
    );
    const across = Math.min(ACROSS, some.length);
    /** @type {Sheet} */
    const sheet = {
      url,
      ids: some,
      across,
      down: Math.ceil(some.length / across),
      users: new Set(),
    };
    some.forEach((id, i) =>
      thumbnails.set(id, { sheet, column: i % across, row: Math.floor(i / across) }),
    );
    sheets.add(sheet);
    release();
  }
}

/** @param {string} id */
export function hasThumbnail(id) {
  return thumbnails.has(id);
}

/** Forget all thumbnails, because ids may mean other samples now. */
export function forgetThumbnails() {
  thumbnails.clear();
}

/** How many sheets are kept. */
export function sheetCount() {
  return sheets.size;
}

/** Release the oldest sheets that nobody shows. */
function release() {
  for (const sheet of [...sheets].slice(0, -1)) {
    if (sheets.size <= KEPT) return;
    for (const user of sheet.users) {
      const target = user.deref();
      if (!target?.isConnected || sheetOf.get(target) !== sheet) sheet.users.delete(user);
    }
    if (sheet.users.size) continue;
    URL.revokeObjectURL(sheet.url);
    sheets.delete(sheet);
    for (const id of sheet.ids) if (thumbnails.get(id)?.sheet === sheet) thumbnails.delete(id);
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
  const { sheet, column, row } = found;
  sheets.delete(sheet);
  sheets.add(sheet);
  if (sheetOf.get(target) !== sheet) {
    if (sheet.users.size > 2 * MOST)
      for (const user of sheet.users) if (!user.deref()) sheet.users.delete(user);
    sheet.users.add(new WeakRef(target)); // so that no element is kept that the page lost
    sheetOf.set(target, sheet);
  }
  target.classList.toggle(
    "drawn",
    isDrawn(id) || /\.(wav|flac|og[ga]|opus|mp3|aif[fc]?)$/.test(id),
  );
  const at = (/** @type {number} */ index, /** @type {number} */ count) =>
    count > 1 ? `${(100 * index) / (count - 1)}%` : "0";
  Object.assign(target.style, {
    backgroundImage: `url("${sheet.url}")`,
    backgroundSize: `${100 * sheet.across}% ${100 * sheet.down}%`,
    backgroundPosition: `${at(column, sheet.across)} ${at(row, sheet.down)}`,
  });
}

/** @type {WeakMap<HTMLElement, string>} */
const pictures = new WeakMap();

/**
 * Show a picture of a sample, larger than its thumbnail.
 * @param {HTMLElement} target
 * @param {string} id
 */
export async function showPicture(target, id) {
  const response = await request("POST", "/api/atlas", { ids: [id], side: 224 });
  const url = URL.createObjectURL(new Blob([await response.arrayBuffer()], { type: "image/png" }));
  target.classList.toggle("drawn", isDrawn(id));
  target.style.backgroundImage = `url("${url}")`;
  const before = pictures.get(target);
  if (before) URL.revokeObjectURL(before);
  pictures.set(target, url);
}
