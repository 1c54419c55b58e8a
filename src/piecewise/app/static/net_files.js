/** Files of nets: those of piecewise, and those of other toolkits that it reads. */

export const NET_SUFFIXES = [
  ".safetensors",
  ".onnx",
  ".keras",
  ".h5",
  ".hdf5",
  ".t7",
  ".th7",
  ".caffemodel",
  ".prototxt",
];

/** @param {string} name of a file */
export function isNet(name) {
  return NET_SUFFIXES.some((suffix) => name.toLowerCase().endsWith(suffix));
}
