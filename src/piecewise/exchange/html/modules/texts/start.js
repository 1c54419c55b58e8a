/** Starts a net that reads texts. */

import { start } from "../net/start.js";
import { createTextPreparation, decodeText } from "./prepare.js";

start((settings) => {
  const { prepare, tokens } = createTextPreparation(settings);
  return { decode: async (bytes) => decodeText(bytes), prepare, tokens };
});
