/** The file that was read last: its picture, or its sound to play. */

import { byId, element } from "./elements.js";

let address = "";

/** @param {File | Blob | null} file */
export function showPreview(file) {
  const { modality } = piecewise.data.settings;
  if (address) URL.revokeObjectURL(address);
  address = "";
  if (!file || modality === "texts") {
    byId("preview").replaceChildren();
    return;
  }
  address = URL.createObjectURL(file);
  const name = file instanceof File ? file.name : "the recording";
  const shown =
    modality === "sounds"
      ? element("audio", { controls: true, src: address, "aria-label": name })
      : element("img", { src: address, alt: name, onerror: () => showPreview(null) });
  byId("preview").replaceChildren(shown);
}
