/** The text of the tricks, in English: what each does to a picture, and to a spectrogram. */

import { whole } from "app/words/forms.js";

/**
 * The name and the unit of each trick, for pictures, and for sounds if they differ.
 * @type {Record<string, Partial<Record<Kind, string[]>> & { pictures: string[] }>}
 */
const TRICKS = {
  translation: { pictures: ["shift", "of the side"], sounds: ["earlier, later", "of the length"] },
  scale: {
    pictures: ["smaller, larger", "more or less"],
    sounds: ["narrower, wider", "more or less"],
  },
  rotation: { pictures: ["turn", "degrees"], sounds: ["turn the spectrogram", "degrees"] },
  stroke_width: {
    pictures: ["finer, bolder", "pixels"],
    sounds: ["finer, bolder", "time steps and bands"],
  },
  horizontal_flip: { pictures: ["mirror", ""], sounds: ["backwards", ""] },
  contrast: { pictures: ["contrast", "of 1"] },
  brightness: { pictures: ["brightness", "of 1"], sounds: ["quieter, louder", "of 1"] },
  noise: { pictures: ["noise", "of 1"] },
  band_masking: {
    pictures: ["cover a band", "of the side"],
    sounds: ["cover bands", "of the time steps, the bands"],
  },
};

/** @param {string} name @param {Kind} kind */
const wordsOf = (name, kind) => TRICKS[name][kind] ?? TRICKS[name].pictures;

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
  trickName: (name, kind) => wordsOf(name, kind)[0],
  /** @type {(name: string, kind: Kind) => string} */
  trickUnit: (name, kind) => wordsOf(name, kind)[1],
};
