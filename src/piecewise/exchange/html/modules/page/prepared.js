/** The prepared input, as the net reads it. */

import { element } from "./elements.js";

/**
 * @param {Answer} answer
 * @param {string} text
 */
export function preparedInput({ inputs }, text) {
  if (piecewise.data.settings.modality === "texts") return tokensOf(text);
  const [channels, height, width] = piecewise.data.settings.shape;
  const canvas = element("canvas", {
    width,
    height,
    role: "img",
    "aria-label": `the input of ${height} rows and ${width} columns`,
  });
  const bytes = inputs[0];
  const size = width * height;
  const image = new ImageData(width, height);
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = bytes[i + (channels === 3 ? c * size : 0)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  canvas.style.aspectRatio = `${width} / ${height}`;
  return figure(canvas, `What the net reads: ${width} x ${height}`);
}

/** @param {string} text */
function tokensOf(text) {
  const { settings } = piecewise.data;
  const unit = settings.modality === "texts" ? settings.units : "";
  const tokens = piecewise.tokens(text).map((token) =>
    element("li", {
      class: token === "?" ? "unknown" : null,
      dir: "auto",
      text: token === " " ? "\u2423" : token,
    }),
  );
  return figure(
    element("ul", { class: "tokens", tabindex: 0, "aria-label": "tokens" }, ...tokens),
    `What the net reads: ${unit} that it has learned${unit === "n-grams" ? "" : ", and ? for others"}`,
  );
}

/** @param {Node} content @param {string} caption */
function figure(content, caption) {
  return element("figure", {}, element("figcaption", { text: caption }), content);
}
