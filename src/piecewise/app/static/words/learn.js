/** The words of the place Learn; the texts of the lessons come from their files. */

import { counted, percent, whole } from "app/words/forms.js";

export const learnWords = {
  lesson: "Lesson",
  lessons: "Lessons",
  turnPage: "The lessons before and after",
  before: "\u2190 The lesson before",
  next: "The next lesson \u2192",
  begun: "\u00b7 begun",
  /** @param {number} count */
  minutes: (count) => `${whole.format(count)}\u00a0min`,
  /** @param {number} number @param {number} of */
  lessonOf: (number, of) => `Lesson ${whole.format(number)} of ${whole.format(of)}`,
  openNumber: "How it is computed",

  // Whose drawings.
  /** @param {number} count @param {string} names @param {Kind} kind */
  own: (count, names, kind) =>
    kind === "sounds"
      ? `The numbers are those of ${counted(count, "sound", "sounds")} of yours: ${names}. ` +
        "A row is a frequency band, a column a step in time."
      : kind === "texts"
        ? `The numbers are those of ${counted(count, "text", "texts")} of yours: ${names}. ` +
          "A row is a word, a column a position."
        : `The numbers are those of ${counted(count, "drawing", "drawings")} of yours: ${names}.`,
  /** @param {string} why */
  generated: (why) =>
    ({
      few: "These are generated drawings. Draw five or more of each of two classes to see your own.",
      many: "These are generated drawings, because the project has very many samples.",
      photos: "These are generated drawings, because the project holds photos.",
      kind: "These are generated drawings, because the texts of the project are too short.",
    })[why] ?? "",
  isNewer: "There are newer drawings or a newer net.",
  useNewer: "Use them",

  // A prediction.
  predict: "Predict first",
  yourNumber: "Your number",
  commit: "Commit",
  dontKnow: "I don't know",
  missing: "Choose or type something first.",
  /** @param {string[]} limits */
  intervals: (limits) => [
    `below ${limits[0]}`,
    ...limits.slice(1).map((limit, i) => `from ${limits[i]} to ${limit}`),
    `above ${limits[limits.length - 1]}`,
  ],
  /**
   * @param {string | null} said
   * @param {string} value
   * @param {string} choice the choice that holds the value
   */
  outcome: (said, value, choice) =>
    `${said === null ? "You did not know yet." : `You said ${said}.`} It is ${value}` +
    `${choice ? `, ${choice}` : ""}.`,

  // After it.
  task: "Try it",
  result: "Result",
  play: "Play",
  why: "Which of these is true?",
  choose: "Choose",
  ownWords: "In your own words (nobody checks them)",
  rightReason: "Yes, that is true.",
  /** @param {string} whyNot */
  wrongReason: (whyNot) => `Not that one. ${whyNot}`,

  // Checks.
  check: "Check",
  /** @param {number} number */
  home: (number) => (number > 1 ? `Another check, ${whole.format(number)}` : "Another check"),
  yourAnswer: "Your answer",
  answer: "Answer",
  another: "Another one",
  noCheck: "This check cannot be asked about these drawings.",
  generatedCheck: "This question is about generated drawings: there is none about yours.",
  drawingAsked: "The drawing of the question",
  yourDrawing: "Your drawing",
  /** @param {number} tolerance */
  within: (tolerance) =>
    `A number such as 0.51, -2 or 5/9. It may be off by ${Number(tolerance.toPrecision(1))}.`,
  /**
   * @param {string} answer
   * @param {boolean} isRight
   * @param {string} hint
   */
  tried: (answer, isRight, hint) =>
    isRight ? `${answer} is right.` : `${answer} is not it${hint ? `: ${hint}` : ""}.`,
  solvedForYou: "Here is how it is calculated.",
  solution: "Solution:",
  /** @param {string} answer */
  so: (answer) => `So it is ${answer}.`,

  // The small net.
  smallNet: "Your small net",
  drawing: "Drawing",
  /** @param {number} number @param {string} name */
  drawingNumber: (number, name) => `${whole.format(number)}: ${name}`,
  moves: "Move the drawing",
  /** @type {Record<string, string>} */
  move: { Up: "Up", Down: "Down", Left: "Left", Right: "Right" },
  moveBack: "Back",
  dragNote: "Or drag the drawing.",
  /**
   * @param {string} name
   * @param {string} probability
   */
  says: (name, probability) => `The small net says ${name}, ${probability}.`,
  /** @param {number} down @param {number} right @param {number} shared @param {number} ink */
  moved: (down, right, shared, ink) =>
    `Moved ${down < 0 ? "up" : "down"} by ${whole.format(Math.abs(down))} and ` +
    `${right < 0 ? "left" : "right"} by ${whole.format(Math.abs(right))}: ` +
    `${whole.format(shared)} of ${whole.format(ink)} ink pixels lie on ink.`,
  overlap: "Ink before (grey) and now (black)",
  /** @param {number} changed @param {number} count */
  changed: (changed, count) => `${whole.format(changed)} of ${whole.format(count)} values changed`,
  /** @param {number} largest */
  scale: (largest) => `full colour at ${Number(largest.toPrecision(3))}`,
  votes: "Maps that vote",
  /** @param {number} number */
  muteMap: (number) => `Map ${whole.format(number)}`,
  mutedNote: "A pressed map does not vote.",
  openBrightest: "Open the brightest cell",
  openLargest: "Open the largest value",
  flip: "Choose a pixel of the input to flip it between ink and background.",
  unflip: "Flip them back",
  pointAt: "Point at a number, or move to it with the arrow keys. Enter opens it.",

  // Features.
  placeFeature: "Place a feature",
  feature: "Feature",
  moveFeature: "Move the feature",
  underFeature: "The drawing, and the patch under the feature",
  /** @param {string} name */
  featureNamed: (name) => `The feature ${name}`,
  /** @param {number} row @param {number} column @param {number} side */
  patchAt: (row, column, side) =>
    `Rows ${whole.format(row)} to ${whole.format(row + side - 1)}, columns ` +
    `${whole.format(column)} to ${whole.format(column + side - 1)}`,
  /** @param {number} agreeing @param {number} pixels */
  agree: (agreeing, pixels) =>
    `${whole.format(agreeing)} of ${whole.format(pixels)} pixels agree, so the match is ` +
    `${learnWords.match(agreeing, pixels)}.`,
  /** @param {number} agreeing @param {number} pixels */
  match: (agreeing, pixels) => `${2 * agreeing - pixels}/${pixels}`,
  bestFound: "The best match that you found",
  bestHead: ["feature", "match"],
  notPlaced: "not placed yet",
  kernels: "The kernels of the small net",
  /** @type {Record<string, string>} */
  kernelsWhen: { first: "before training", small: "after training" },
  /** @param {number} number @param {string} when */
  kernelNumber: (number, when) => `Kernel ${whole.format(number)} ${when}`,

  // Errors.
  slideErrors: "The error table of the slide",
  slideHead: ["answer", "right", "actual", "error"],
  trueHead: "true error",
  pressWrong: "Press each error that is wrong, then compare.",
  compareErrors: "Compare",
  /** @param {string} name @param {string} error */
  slideError: (name, error) => `The error of ${name}: ${error}`,
  /** @param {number} found @param {number} wrong @param {number} others */
  slideFound: (found, wrong, others) =>
    `You found ${whole.format(found)} of ${whole.format(wrong)} wrong errors` +
    `${others ? `, and marked ${counted(others, "right one", "right ones")}` : ""}.`,
  ownErrors: "The errors of your drawings",
  ownErrorsHead: ["drawing", "answer before", "error before", "answer after", "error after"],
  totalErrors: "all together",

  // The nudge of a weight.
  nudge: "The loss on the drawing for every value of the weight",
  weight: "Weight",
  /** @param {string} weight @param {string} loss */
  lossAt: (weight, loss) => `At ${weight} the loss is ${loss}.`,
  oneStep: "One step",
  tenSteps: "Ten steps",
  /** @param {number} factor */
  longStep: (factor) => `One step, ${whole.format(factor)} times as long`,
  /** @param {string} before @param {string} after @param {string} weight */
  stepped: (before, after, weight) =>
    `All parameters change. The mean loss of all drawings goes from ${before} to ${after}. The weight is ${weight} then.`,

  // Trials.
  turnKnob: "Turn a knob",
  /** @type {Record<string, string>} */
  knobs: { kernels: "kernels", size: "kernel size", poolings: "poolings" },
  trainTrial: "Train and score",
  trials: "Trials",
  trialHead: ["layers", "parameters", "right"],
  /** @param {number} right @param {number} count */
  ofAll: (right, count) => `${whole.format(right)} of ${whole.format(count)}`,
  /** @param {number} right @param {number} count */
  trial: (right, count) =>
    `${whole.format(right)} of ${whole.format(count)} drawings are named right, each by a net that never saw it.`,

  // The order of columns.
  shuffleTitle: "Shuffled columns",
  /** @type {Record<string, string>} */
  shuffleKinds: {
    drawings: "Shuffle a drawing",
    sounds: "Shuffle a sound",
    texts: "Shuffle a text",
  },
  columnsBefore: "Columns in order",
  columnsAfter: "Columns shuffled",
  /** @param {string} label */
  ownSample: (label) => `A sample of yours: ${label}.`,
  /** @param {string} label @param {string} source */
  otherSample: (label, source) => `A sample of ${source}: ${label}.`,
  /** @param {string} order */
  hear: (order) => `Listen: ${order.toLowerCase()}`,
  /** @param {number} count @param {number} right @param {number} shuffled */
  rightOfAll: (count, right, shuffled) =>
    `Of ${whole.format(count)} samples, the small net names ${whole.format(right)} right in order, ` +
    `and ${whole.format(shuffled)} shuffled. It learned them in order.`,
  orderTitle: "Nets trained with both orders: right answers",
  trialData: "Data",
  /** @type {Record<string, string>} */
  trialSets: {
    own: "your samples",
    tricky: "tricky drawings",
    centered: "centered drawings",
    sounds: "tones",
    texts: "sentences",
    table: "a table of measurements",
  },
  trainBoth: "Train nets",
  training: "Nets are trained ...",
  orderHead: ["in order", "shuffled", "difference", "interval"],
  /** @param {string} data @param {number} n */
  trialOf: (data, n) => `${learnWords.trialSets[data]}, ${counted(n, "sample", "samples")}`,
  /** @param {{ accuracy: number, shuffled_accuracy: number, difference: number, interval: [number, number] }} found */
  trialCells: ({ accuracy, shuffled_accuracy: other, difference, interval }) => [
    percent(accuracy),
    percent(other),
    percent(difference),
    `${percent(interval[0])} to ${percent(interval[1])}`,
  ],
  /** @param {{ rounds: number, train_size: number }} found */
  meanOf: ({ rounds, train_size: size }) =>
    `Each percentage is the mean of ${whole.format(rounds)} trainings: in each, a net learns from ` +
    `${counted(size, "other sample", "other samples")} and is asked about the rest.`,
  /** @param {{ sentence: string }} found */
  verdict: ({ sentence }) => `${sentence[0].toUpperCase()}${sentence.slice(1)}.`,

  // Worked examples.
  example: "Worked example",
  /** @param {number} stage @param {number} of */
  stage: (stage, of) => `Worked example, stage ${whole.format(stage)} of ${whole.format(of)}`,
  /** @type {Record<string, string>} */
  planes: { patch: "Patch", feature: "Feature", kernel: "Kernel" },
  nextStage: "Next stage",
  anotherPlace: "Another place",
  allRight: "All of them are right.",
  stepsShown: "Here are the steps. Try the stage again at another place.",
  /** @param {string[]} wrong */
  stepsWrong: (wrong) => `Not yet: ${wrong.join(", ")}.`,

  // Pixels.
  /** @param {number} ink */
  pixel: (ink) => (ink ? "ink" : "ground"),
};
