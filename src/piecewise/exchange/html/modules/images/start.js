/** Starts a net that reads pictures. */

import { start } from "../net/start.js";
import { decodePicture } from "./decode.js";
import { preparePicture } from "./prepare.js";

start((settings) => ({
  decode: decodePicture,
  prepare: (picture) => preparePicture(picture, settings),
}));
