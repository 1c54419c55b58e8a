/** Starts a net that reads sounds. */

import { start } from "../net/start.js";
import { prepareSound } from "./prepare.js";
import { decodeSound } from "./wav.js";

start((settings) => ({
  decode: (bytes) => decodeSound(bytes, settings.rate),
  prepare: (sound) => prepareSound(sound, settings),
}));
