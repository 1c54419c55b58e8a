/** Files of the server, saved by the browser: asked for with the token, so no address works alone. */

import { Refused, request } from "app/ask.js";
import { update } from "app/store.js";
import { element } from "piecewise/text.js";

const KEPT = 60_000; // milliseconds until the browser has surely begun to save

/**
 * Save a file of the server under the name that it says.
 * @param {string} path
 * @param {string} name if it says none
 */
export async function download(path, name) {
  try {
    const response = await request("GET", path);
    const given = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "");
    saveBlob(await response.blob(), given?.[1] ?? name);
    update({ problem: "" });
  } catch (error) {
    if (error instanceof Refused) update({ problem: error.message });
  }
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
export function saveBlob(blob, name) {
  const href = URL.createObjectURL(blob);
  element("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), KEPT);
}
