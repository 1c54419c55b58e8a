/** WAV files. */

/**
 * A WAV file of one channel and 16 bits.
 * @param {Float32Array[]} chunks samples from -1 to 1
 * @param {number} rate samples a second
 */
export function wav(chunks, rate) {
  const count = chunks.reduce((sum, one) => sum + one.length, 0);
  const file = new DataView(new ArrayBuffer(44 + 2 * count));
  /** @param {number} at @param {string} text */
  const tag = (at, text) => [...text].forEach((one, i) => file.setUint8(at + i, one.charCodeAt(0)));
  tag(0, "RIFF");
  file.setUint32(4, 36 + 2 * count, true);
  tag(8, "WAVEfmt ");
  file.setUint32(16, 16, true);
  file.setUint16(20, 1, true); // samples as whole numbers
  file.setUint16(22, 1, true); // channels
  file.setUint32(24, rate, true);
  file.setUint32(28, 2 * rate, true);
  file.setUint16(32, 2, true); // bytes of a sample
  file.setUint16(34, 16, true); // bits of it
  tag(36, "data");
  file.setUint32(40, 2 * count, true);
  let at = 44;
  for (const chunk of chunks)
    for (const value of chunk) {
      file.setInt16(at, Math.round(32_767 * Math.max(-1, Math.min(1, value))), true);
      at += 2;
    }
  return file.buffer;
}
