/** The text of the tricks, in English: what each does to a picture, and to a spectrogram. */

import { whole } from "app/words/forms.js";

const PICTURES = {
  translation: ["shift", "of the side"],
  scale: ["smaller, larger", "more or less"],
  rotation: ["turn", "degrees"],
  stroke_width: ["finer, bolder", "pixels"],
  horizontal_flip: ["mirror", ""],
  contrast: ["contrast", "of 1"],
  brightness: ["brightness", "of 1"],
  noise: ["noise", "of 1"],
  band_masking: ["cover a band", "of the side"],
};
/** The words of each kind of samples; texts have no tricks. @type {Record<Kind, Record<string, string[]>>} */
const NAMES = {
  pictures: PICTURES,
  sounds: {
    translation: ["earlier, later", "of the length"],
    scale: ["narrower, wider", "more or less"],
    rotation: ["turn the spectrogram", "degrees"],
    stroke_width: ["finer, bolder", "time steps and bands"],
    horizontal_flip: ["backwards", ""],
    contrast: ["contrast", "of 1"],
    brightness: ["quieter, louder", "of 1"],
    noise: ["noise", "of 1"],
    band_masking: ["cover bands", "of the time steps, the bands"],
  },
  texts: PICTURES,
};

export const trickWords = {
  tricks: "tricks",
  /**
   * @param {number} on
   * @param {number} of
   */
  tricksOn: (on, of) => `${whole.format(on)} of ${whole.format(of)}`,
  whatTricksDo:
    "In every epoch, each sample is changed a little, at random, up to these strengths. So the net " +
    "learns what does not matter.",
  chooseTricks: "Choose for me",
  /** @type {(name: string, kind: Kind) => string} */
  trickName: (name, kind) => NAMES[kind][name][0],
  /** @type {(name: string, kind: Kind) => string} */
  trickUnit: (name, kind) => NAMES[kind][name][1],
};
