/** Starts a net that reads texts. */

import { start } from "../net/start.js";
import { createTextPreparation, decodeText } from "./prepare.js";

start((settings, data) => {
  const { prepare, tokens } = createTextPreparation(settings, data.reads_texts);
  return { decode: async (bytes) => decodeText(bytes), prepare, tokens };
});
