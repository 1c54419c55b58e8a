/** Picture files to pixels: PNG exactly, other formats by the decoder of the browser. */

import { decodePng, withoutOpacity } from "./png.js";

const MAX_DECODED = 64_000_000;

/**
 * @param {Uint8Array} bytes of a picture file
 * @returns {Promise<Picture>}
 */
export async function decodePicture(bytes) {
  const isPng = bytes[0] === 0x89 && bytes[1] === 0x50 && bytes[2] === 0x4e && bytes[3] === 0x47;
  if (isPng) return decodePng(bytes);
  if (typeof createImageBitmap === "undefined") throw new Error("only PNG pictures can be read");
  const blob = new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (bytes)]);
  const bitmap = await createImageBitmap(blob, {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  }).catch(() => {
    throw new Error("this browser cannot read it as a picture; save it as a PNG or a JPEG");
  });
  const { width, height } = bitmap;
  if (width * height > MAX_DECODED) throw new Error(`${width}x${height} pixels are too many`);
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("this browser cannot draw it");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return withoutOpacity({ width, height, channels: 4, data: new Uint8Array(data.buffer) });
}
