/** The text of the place "Gather", in English. */

import { KINDS, counted, whole } from "app/words/forms.js";

const UNEVEN = 5; // times as many samples, as `piecewise inspect`

export const words = {
  gather: "Gather",
  draw: "Draw",
  camera: "Camera",
  microphone: "Microphone",
  type: "Type",
  files: "Files\u2026",
  folder: "Folder\u2026",
  drop: "Drop files, a folder, a zip or a table of texts anywhere. A folder of folders makes classes.",
  dropNow: "Drop to add",

  // Classes.
  order: "Order of the samples",
  orders: {
    added: "newest first",
    unsure: "least sure first",
    wrong: "wrong first",
    alike: "similar ones together",
  },
  newClass: "New class",
  noSamples: "No samples yet.",
  more: "\u22ef",
  showAll: "Show all",
  showLine: "Show a line",
  forTest: "for the test",
  /** @param {string} name */
  rename: (name) => `Rename ${name}`,
  /** @param {string} name */
  menuOf: (name) => `What to do with ${name}`,
  /**
   * @param {Kind} kind
   * @param {number} train
   * @param {number} test
   */
  counts: (kind, train, test) =>
    test
      ? `${whole.format(train)} for learning, ${whole.format(test)} for the test`
      : counted(train, ...KINDS[kind]),
  /**
   * @param {string} name
   * @param {Part} where
   */
  samplesOf: (name, where) =>
    `Samples of ${name}, ${where === "train" ? "for learning" : "for the test"}`,
  addFiles: "Add files\u2026",
  /** @param {string} name */
  addFilesTo: (name) => `Add files to ${name}`,
  percentForTest: "% for the test",
  keep: "Keep",
  mergeInto: "Merge into\u2026",
  merge: "Merge",
  moveUp: "Move up",
  moveDown: "Move down",
  removeClass: "Remove the class",
  /** @param {ProjectClass[]} classes */
  uneven: (classes) => {
    const known = classes.filter((one) => one.train > 0).sort((one, two) => one.train - two.train);
    const [least, most] = [known[0], known[known.length - 1]];
    if (known.length < 2 || most.train < UNEVEN * least.train) return "";
    const counts = `${whole.format(most.train)} and ${whole.format(least.train)}`;
    return `${most.name} and ${least.name} are uneven: ${counts}. Accuracy alone misleads then.`;
  },

  // Chosen samples.
  /** @param {number} count */
  chosen: (count) => `${whole.format(count)} chosen`,
  chooseNone: "Choose none",
  moveTo: "Move to\u2026",
  toTest: "Keep for the test",
  toLearning: "Use for learning",
  remove: "Remove",

  // Imports.
  /** @param {string} name of a file */
  layersOf: (name) => `${name} holds weights alone. Their layers:`,
  open: "Open",
  importing: "Importing",
  stop: "Stop",
  undo: "Undo",
  close: "Close",
  cancel: "Cancel",
  /**
   * @param {number} done
   * @param {number} total
   * @param {number | null | undefined} left seconds
   */
  progress: (done, total, left) =>
    `${whole.format(done)} of ${whole.format(total)}` +
    (left ? `, ${counted(Math.ceil(left), "second", "seconds")} left` : ""),
  /** @param {string} name */
  opened: (name) => `${name} answers now, as an attempt of its own.`,
  /**
   * @param {number} count
   * @param {number} classes
   */
  imported: (count, classes) =>
    count
      ? `${counted(count, "sample", "samples")} of ${counted(classes, "class", "classes")} imported.`
      : "Nothing was imported.",
  /** @param {number} count */
  skipped: (count) =>
    `${counted(count, "file or folder was not read", "files or folders were not read")}: which, and why`,
  /**
   * @param {number} count
   * @param {Kind} kind
   */
  unread: (count, kind) =>
    `${counted(count, ...KINDS[kind])} cannot be read, and the net does not learn from ` +
    `${count === 1 ? "it" : "them"}: which, and why`,
  /** @param {number} count */
  showAllOf: (count) => `Show all ${whole.format(count)}`,
  /** @param {number} count */
  whichFiles: (count) => `All ${counted(count, "file", "files")}`,
  /** @param {number} count */
  whichClass: (count) =>
    count === 1 ? "1 file. It is:" : `${whole.format(count)} files. They are:`,

  // Camera, microphone, keyboard.
  holdCamera: "Hold a class, or the space bar, to take pictures. R starts and stops.",
  holdMicrophone: "Hold a class, or the space bar, while it sounds. R starts and stops.",
  recording: "Recording",
  asksCamera: "The browser asks whether this page may use the camera.",
  asksMicrophone: "The browser asks whether this page may use the microphone.",
  level: "Loudness",
  /**
   * @param {"camera" | "microphone"} device
   * @param {string} error the name of the browser's error
   */
  noDevice: (device, error) =>
    ({
      NotAllowedError: `This page may not use the ${device}. Allow it in the site settings of the browser, left of the address, and open it again.`,
      NotFoundError: `There is no ${device}. Connect one, and open it again.`,
      NotReadableError: `Another program uses the ${device}. Close that program, and open it again.`,
    })[error] ??
    `The ${device} cannot be used here: ${error}. Open the page by the link that the program printed.`,
  typeHere: "Texts",
  eachLine: "Each line is a text",
  thisIs: "This is",
  nothingTyped: "There is no text yet.",
  /** @param {number} count */
  texts: (count) => counted(count, "text", "texts"),

  // The beginning.
  begin: "What shall it tell apart?",
  drawSomething: "Draw something",
  tryExample: "Or try an example",
  examples: /** @type {[string, string, string][]} */ ([
    ["letters", "X and O", "80 drawings of two letters"],
    ["sounds", "Rising and falling", "80 tones"],
    ["texts", "Questions and statements", "80 short sentences"],
  ]),

  // Samples that are alike.
  findAlike: "Find samples that are nearly the same",
  /**
   * @param {number} count
   * @param {number} compared
   */
  alike: (count, compared) =>
    count
      ? `${counted(count, "pair", "pairs")} among ${counted(compared, "sample", "samples")} ${count === 1 ? "is" : "are"} the same, or nearly.`
      : `None of ${counted(compared, "sample", "samples")} are nearly the same.`,
  chooseSecond: "Choose the second of each pair",
  /**
   * @param {string} one
   * @param {string} other
   */
  chooseOf: (one, other) => `Choose ${other}, which is like ${one}`,
};
