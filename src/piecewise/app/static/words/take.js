/** The text of the place "Take away", in English. */

import { KINDS, counted, locale, percent, whole } from "app/words/forms.js";

const list = new Intl.ListFormat(locale, { type: "conjunction" });

/** How a person asks the page of a net. @type {Record<Kind, string>} */
const ASKED = {
  pictures: ", with a drawing pad",
  sounds: ", with a recorder",
  texts: ", with a text field",
};

export const takeWords = {
  noNet: "There is nothing to take away yet: when a net is taught, it is here.",
  net: "The net",
  netNote:
    "Files for other programs, each with a short guide. They give the same probabilities as this page.",
  save: "Save",
  /** @param {string} name */
  saveIt: (name) => `Save ${name}`,
  own: "piecewise",
  ownAbout: "one file with the layers, the weights, the classes and how inputs are prepared",
  /** What each format is, and for what. @type {Record<string, string>} */
  formats: {
    onnx: "for onnxruntime, phones, browsers and other languages; Netron shows it",
    pytorch: "a module and its weights for PyTorch",
    tensorflow: "a model for TensorFlow and Keras 3",
    caffe: "for Caffe, and OpenCV up to version 4",
    torch: "for Torch 7, and OpenCV up to version 4",
    cntk: "an ONNX file in the dialect of CNTK 2.7",
    dl4j: "a model for Java",
    theano: "a script and its weights for Theano 1.0",
    numpy: "a Python script that needs NumPy and nothing else",
    c: "C99 without libraries, for microcontrollers",
    html: "one page for a browser, without a network",
    card: "a text for people: how it was trained, and how right it is",
  },
  /**
   * @param {string} name
   * @param {Kind} kind
   */
  about: (name, kind) => (takeWords.formats[name] ?? "") + (name === "html" ? ASKED[kind] : ""),
  /** @param {string} why */
  cannot: (why) => `cannot express this net: ${why}`,
  check: "Check all formats",
  checkNote:
    "Writes every format, and runs the programs that are installed here on your own samples.",
  everything: "All formats",
  passport: "Passport",
  passportNote: "what each program answered, and by how much it differs",
  /**
   * @param {string} toolkit
   * @param {number} difference
   */
  agrees: (toolkit, difference) =>
    `${toolkit} agrees: probabilities differ by ${difference === 0 ? "0" : difference.toExponential(0)} at most`,
  /**
   * @param {string} toolkit
   * @param {string} why
   */
  differs: (toolkit, why) => `${toolkit} does not agree${why ? `: ${why}` : ""}`,
  notRun: "no program here runs it",
  /** @param {number} attempt */
  ofAttempt: (attempt) => `The check is of attempt ${attempt}; another net answers now.`,

  pages: "Pages to show",
  report: "Report on the last answer",
  reportNote: "one file: the input, every map and every number behind the answer",
  noAnswer: "ask the net something first",
  answers: "Page of all answers",
  answersNote: "one file: mistakes, confusion matrix and errors",

  lesson: "The lesson",
  project: "Project",
  projectNote: "all samples, the classes and the knobs, as a zip; the app opens it again",
  withLessons: "with what I answered in Learn, for my teacher",
  withLessonsNote:
    "Off, unless you choose it. The archive then holds your predictions, answers and own words, and everyone who gets it can read them.",
  recipe: "As Python",
  recipeNote: "a script that teaches the same net, bit for bit, from the net and the project",
  command: "As a command",
  commandNote: "what \u201cTeach longer\u201d does, with the project as a zip:",
  copy: "Copy",
  copied: "Copied",

  card: "In plain words",
  /**
   * @param {string[]} classes
   * @param {Kind} kind
   */
  tells: (classes, kind) =>
    classes.length > 12
      ? `This net tells ${whole.format(classes.length)} kinds of ${KINDS[kind][1]} apart.`
      : `This net tells ${list.format(classes)} apart.`,
  /**
   * @param {Kind} kind
   * @param {number} samples
   * @param {number} epochs
   */
  learned: (kind, samples, epochs) =>
    `It learned from ${counted(samples, ...KINDS[kind])}, which it saw ${counted(epochs, "time", "times")}.`,
  /** @param {Score & { split?: string }} score */
  scored: ({ n, right, low, high, base, split }) =>
    `${
      split === "test"
        ? "Of the samples kept for the test"
        : "Of samples that nets like it had not seen"
    }, ${whole.format(right)} of ${whole.format(n)} were right. The true share lies between ${percent(low)} and ${percent(high)}, with 95 % confidence; always naming the most frequent class would reach ${percent(base)}.`,
  unscored: "How right it is was not measured.",
  limits:
    "It names one of its classes for anything, also for what is none of them. The score holds for samples like those it learned from, made by the same people in the same way.",
  /** @param {string} layers */
  layers: (layers) => `Its layers: ${layers}.`,

  bring: "Bring in",
  open: "Open a zip or a net\u2026",
  openNote:
    "A zip of class folders, or of a project, adds its samples to this one. A net of these classes becomes an attempt: a model file, or one of ONNX, Keras, Torch, Caffe (the .caffemodel and its .prototxt) or PyTorch (weights in .safetensors).",
};
