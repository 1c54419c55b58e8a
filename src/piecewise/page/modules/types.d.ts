/**
 * The types of the pages' data and of what the modules share. They are read by the type checker
 * (`make check-page`) alone and are in no page. `page/explain.py`, `page/evaluate.py` and
 * `page/walk_data.py` write the data.
 */

type Shape = [channels: number, rows: number, columns: number];
/** Where a number stands. */
type Position = [layer: string, map: number, row: number, column: number];
type Open = (position: Position) => void;
type Matrix = { shape: number[]; values: Float32Array };
/** Along one axis: the first cell that a window covers, how many, and which cell of it is first. */
type Window1D = [start: number, count: number, offset: number];

/** A weight, by name, times a value at a position (null: a bias); undefined: not in the page. */
interface Term {
  weight: number | undefined;
  value: number | undefined;
  name: string;
  place: Position | null;
}

/** A term whose numbers are both in the page. */
interface KnownTerm extends Term {
  weight: number;
  value: number;
}

interface InputLayer {
  name: string;
  word: "input";
  notation: string;
  shape: Shape;
}

interface BaseLayer {
  name: string;
  notation: string;
  before: string;
  input: Shape;
  shape: Shape;
}

interface PlainLayer extends BaseLayer {
  word: "relu" | "full" | "dropout";
}

interface ConvLayer extends BaseLayer {
  word: "conv";
  rows: Window1D[];
  columns: Window1D[];
  kernel: [number, number];
  bias: boolean;
  count: number;
}

interface PoolLayer extends BaseLayer {
  word: "pool";
  rows: Window1D[];
  columns: Window1D[];
  kind: "max" | "average";
}

interface NormLayer extends BaseLayer {
  word: "norm";
  terms: [scale: number, mean: number, bias: number][];
}

interface EmbedLayer extends BaseLayer {
  word: "embed";
  words: number[];
}

type Layer = InputLayer | PlainLayer | ConvLayer | PoolLayer | NormLayer | EmbedLayer;
type Walk = import("piecewise/walk.js").Walk;

/** The view of a kind of layer: the terms of a number, and the elements that show them. */
interface View<L> {
  terms(walk: Walk, layer: L, position: Position): Term[];
  show(walk: Walk, layer: L, position: Position, terms: KnownTerm[], open: Open): HTMLElement[];
}

interface Axis {
  name: string;
  unit: string;
  spans: [number, number][];
  labels: string[];
}

interface Axes {
  kind: string;
  rows: Axis;
  columns: Axis;
}

interface PackedArrays {
  text: string;
  shapes: Record<string, number[]>;
  bits: number;
  left_out: string[];
}

interface CurveBreak {
  size: number;
  number: number;
  answer: number;
  lost: { stack: string; feature: number; before: number; after: number } | null;
}

interface Curve {
  dial: string;
  unit: string;
  sizes: number[];
  as_it_is: number;
  label: number;
  sure: number[];
  answers: number[];
  same: number[];
  below: CurveBreak | null;
  above: CurveBreak | null;
}

interface Mattered {
  method: string;
  label: number;
  told: string;
}

interface Match {
  value: number;
  words: string;
  title?: string;
  picture: string | null;
  sound: string | null;
}

interface Look {
  layer: string;
  feature: number;
  best: Match[];
  worst: Match[];
}

/** The data of the page that explains one answer. */
interface ExplainData {
  name: string;
  kind: "pictures" | "sounds" | "texts";
  answer: number;
  explained: number;
  order: number[];
  classes: Record<number, string>;
  logits: Record<number, number>;
  probabilities: Record<number, number>;
  remark: string | null;
  picture: string | null;
  sound: string | null;
  layers: [InputLayer, ...Layer[]];
  votes: { stack: string; labels: number[]; biases: Record<number, number> };
  axes: Axes;
  facts: [string, string][];
  mattered: Mattered[];
  curves: Curve[];
  looks: Look[];
  arrays: PackedArrays;
}

interface ConfusionCell {
  right: number;
  answer: number;
  count: number;
  examples: number[];
}

interface Neighbour {
  label: string;
  distance: number;
  example: number;
}

interface Mistake {
  name: string;
  right: string;
  answer: string;
  probability: number;
  chance: number;
  example: number;
  near: Neighbour[];
}

interface ErrorRow {
  name: string;
  right: string;
  answer: number;
  error: number;
}

interface Sheet {
  picture: string;
  size: [height: number, width: number];
  across: number;
  down: number;
  places: Record<number, [row: number, column: number]>;
}

/** The data of the page about the predictions for a data set. */
interface EvaluateData {
  name: string;
  kind: string;
  scores: { n: number; accuracy: number; accuracy_interval: [number, number]; macro_f1: number };
  history: { loss: number }[];
  table: { kind: string; total: number; n: number; rows: ErrorRow[] };
  facts: [string, string][];
  mistakes: Mistake[];
  compared: number;
  cells: ConfusionCell[];
  classes: Record<number, string>;
  names: Record<number, string>;
  texts?: Record<number, string>;
  sheet?: Sheet;
}

/** A plane of numbers: rows x columns of a flat array, from `start`. */
interface Plane {
  values: Float32Array;
  start: number;
  rows: number;
  columns: number;
  largest: number;
}

/** Cells of a plane: those from `top`, `left`, so many rows and columns. */
interface CellSpan {
  top: number;
  left: number;
  high: number;
  wide: number;
}

/** What a plane's button calls. */
interface PlaneActions {
  name: (row: number, column: number) => string;
  told: (words: string) => void;
  open: (row: number, column: number) => void;
}

/** The plane of a map, or of all maps of single numbers, by its button. */
interface PlaneButton {
  button: HTMLButtonElement;
  plane: Plane;
  single: boolean;
}

type Colour = [red: number, green: number, blue: number];
type Palette = { above: Colour; zero: Colour; below: Colour };
/** A cell of a small grid; null: padding. */
type GridCell = { value: number; place?: Position | null; marked?: boolean } | null;

interface Window {
  /** For whoever wants to look closer in the console. */
  piecewise: object;
}
