/** The types of what the server says about lessons. */

/** A piece of a text: one of text, code, name and number. */
interface Run {
  text?: string;
  code?: string;
  name?: string;
  number?: string;
  /** How a number is computed, and all its digits. */
  path?: string;
  exact?: string;
  /** A wrong number of another source. */
  slip?: boolean;
}

type Paragraph = Run[];

/** A table: the cells of its head, which is one row, and those of its rows. */
interface TextTable {
  head: Paragraph[][];
  rows: Paragraph[][];
}

/** Paragraphs and tables. */
type Texts = (Paragraph | TextTable)[];

/** Rows of 1 for ink and 0 for background. */
type Pixels = number[][];

interface Prediction {
  kind: "number" | "interval" | "choice";
  text: Texts;
  limits: string[];
  options: string[];
  is_integer: boolean;
}

interface Why {
  reasons: string[];
  chosen: number | null;
  is_right: boolean | null;
  /** What is wrong with the reason that was chosen. */
  why_not: string;
  words: string;
}

interface Check {
  check: string;
  number: number;
  question: string;
  is_generated: boolean;
  is_solved: boolean;
  is_right: boolean;
  tolerance: number;
  tries: { answer: string; is_right: boolean; hint: string }[];
  /** The number of the drawing that it is about. */
  drawing?: number | null;
  work?: string;
  answer?: string;
}

interface Committed {
  answer: string | null;
  outcome: { index: number; run: Run };
  task: Texts;
  result: Texts;
  sentence: Paragraph[];
  play: Texts;
  why: Why;
  checks: Check[];
}

interface WorkedStep {
  label: string;
  work: string;
  /** Null if the learner calculates it. */
  value: string | null;
}

interface Example {
  stage: number;
  of: number;
  number: number;
  text: string;
  planes: Record<string, (number | string)[][]>;
  steps: WorkedStep[];
  /** Which of the last answers are right. */
  rights: boolean[];
  answers: string[];
  is_right: boolean;
  is_shown: boolean;
}

/** What was predicted, the number of a choice or null, and the right one. */
interface SwapPrediction {
  answer: number | null;
  right: number;
}

interface SwapAnswer {
  predicted: number;
  probability: number;
  is_doubtful: boolean;
  /** The numbers of the nearest own drawings. */
  nearest: number[];
}

/** Swapped seats, as far as they are predicted. */
interface Swap {
  partner: {
    name: string;
    origin: "seat" | "letters" | "moved";
    kept: number;
    words: number;
    unknown_words: number;
    /** Generated letters that the net names wrong, after the prediction. */
    chosen_wrong: number | null;
  };
  may_bring: boolean;
  drawings: { pixels: Pixels; label: number }[];
  sure: number;
  /** The classes that the net names. */
  names: number[] | null;
  sureness: SwapPrediction | null;
  answers: SwapAnswer[] | null;
  repair: SwapPrediction | null;
  repairs: { name: string; asked: number | null; kept: number; has_met: boolean }[] | null;
  report: string[];
}

interface LessonData {
  /** Whether there is a worked example. */
  has_example: boolean;
  lesson: string;
  number: number;
  of: number;
  question: string;
  minutes: number;
  part: string;
  /** The drawing that the lesson is about. */
  pixels: Pixels | null;
  without: Texts;
  intro: Texts;
  predict: Prediction;
  committed: Committed | null;
}

interface Overview {
  lessons: { lesson: string; question: string; minutes: number; is_begun: boolean }[];
  learner: {
    classes: string[];
    drawings: number;
    /** The numbers of the classes of the drawings. */
    labels: number[];
    /** The drawings, as the small net gets them. */
    pixels: Pixels[];
    why_generated: "" | "few" | "many" | "photos" | "kind";
    is_outdated: boolean;
  };
}
