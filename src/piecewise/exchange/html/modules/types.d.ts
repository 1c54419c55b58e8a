/**
 * The types of the data in net.html and of what its sections share. They are read by the type
 * checker (`make check-page`) and are not part of the file. `exchange/html/net_data.py` writes the
 * data.
 */

type Shape = [channels: number, rows: number, columns: number];

/** The windows along one axis; window i starts at cell i * stride - before. */
interface Windows {
  window: number;
  stride: number;
  before: number;
  count: number;
}

interface LayerData {
  name: string;
  word: "conv" | "relu" | "pool" | "full" | "norm" | "embed";
  input: Shape;
  output: Shape;
  rows?: Windows;
  columns?: Windows;
  /** Where each array starts in the parameters. */
  arrays: Record<string, number>;
  /** Of conv: what the sums are divided by. */
  divisor?: number;
  /** Of pool. */
  kind?: "max" | "average";
  /** Of norm. */
  epsilon?: number;
  /** Of texts: the length of the output for each length of the input; null if it is the same. */
  lengths?: number[] | null;
}

interface ImageSettings {
  modality: "pictures";
  shape: Shape;
  kind: "drawings" | "photos";
  background: "dark" | "light" | "any";
  margin: number;
  resize: "pad" | "crop" | "stretch";
  framing: "ink" | "canvas";
  level_range: [number, number] | null;
  backdrop: "white" | "black" | "grey" | null;
  least_plain: number;
  padding: string;
  least_contrast: number;
}

interface SoundSettings {
  modality: "sounds";
  shape: Shape;
  rate: number;
  hop: number;
  window: number;
  /** The first frequency bin of each band, and the weights from there on: bands x widest. */
  first: number[];
  filters: string;
  quiet: number;
  floor: number;
  least: number;
  silence: number;
  max_windows: number;
}

interface TextSettings {
  modality: "texts";
  units: "words" | "letters" | "n-grams";
  vocabulary: string[];
  positions: number;
  /** Runs of code points of one kind: [kind, length] pairs as one text. */
  kinds: string;
  /** Case folding: runs [start, count, step, difference], and code points that become several. */
  folded: [number, number, number, number][];
  folded_apart: [number, string][];
  invisible: string;
  word: string;
  word_length: number;
  digits: number;
  affix: number;
  middle: number[];
  caseless: number[];
  start: string;
  end: string;
}

type Settings = ImageSettings | SoundSettings | TextSettings;

interface Threshold {
  coverage: number;
  probability: number;
  accuracy: number;
}

interface NetData {
  classes: string[];
  input: Shape;
  notation: string;
  description: string;
  parameter_count: number;
  temperature: number;
  thresholds: Threshold[];
  scaling: [number, number, number];
  reads_texts: boolean;
  layers: LayerData[];
  settings: Settings;
}

/** A decoded picture, as `data/images/levels.py` describes it. */
interface Picture {
  width: number;
  height: number;
  channels: number;
  /** Bytes, or levels of 16 bits. */
  data: Uint8Array | Uint16Array;
}

/** Pixels of 8 bits, one after another: 1 channel (grey) or 3. */
interface Pixels {
  width: number;
  height: number;
  channels: number;
  data: Uint8Array;
}

interface Sound {
  samples: Float32Array;
  rate: number;
  /** What may differ a little from piecewise, if anything does. */
  note?: string;
}

type Input = Uint8Array | Float32Array | Int32Array;
type Example = Picture | Sound | string;

interface Prepared {
  /** One input, or several windows of a long sound. */
  inputs: Input[];
  /** Why the answer is doubtful, or null. */
  warning: string | null;
  notes: string[];
}

interface Answer extends Prepared {
  logits: number[];
  probabilities: number[];
}

interface Api {
  data: NetData;
  logits(input: Input | number[]): number[];
  probabilities(logits: ArrayLike<number>): number[];
  decode(bytes: Uint8Array): Promise<Example>;
  prepare(example: Example): Prepared;
  classify(example: Example): Answer;
  tokens(text: string): string[];
}

declare var piecewise: Api;
