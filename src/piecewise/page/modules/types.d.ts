/**
 * The types of the pages' data and of what the modules share. They are read by the type checker
 * (`make check-page`) and are not part of a page. `page/explain.py`, `page/evaluate.py` and
 * `page/walk_data.py` write the data.
 */

type Shape = [channels: number, rows: number, columns: number];
/** The position of a number in an activation. */
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
  position: Position | null;
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
  input_layer: string;
  input_shape: Shape;
  shape: Shape;
  /** Whether it passed its input on as it was. */
  unchanged: boolean;
  /** Of a text: the positions before its padding. */
  length?: number;
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

/** The size nearest to the unchanged input at which the prediction changes. */
interface ChangedPrediction {
  size: number;
  predicted: number;
  /** The map whose votes for the class fell most. */
  lost: { layer: string; map: number; before: number; after: number } | null;
}

/** Predictions for one input over the sizes of a perturbation. */
interface RobustnessCurve {
  perturbation: string;
  unit: string;
  sizes: number[];
  unchanged_index: number;
  label: number;
  probabilities: number[];
  predicted: number[];
  equal_pixels: number[];
  below: ChangedPrediction | null;
  above: ChangedPrediction | null;
}

interface Attribution {
  method: string;
  label: number;
  description: string;
}

/** What votes for one class more than for another. */
interface Evidence {
  name: string;
  vote: number;
}

/** Why the net prefers a class to its rival. */
interface Reason {
  sentence: string;
  label: number;
  rival: number;
  supporting: Evidence[];
  opposing: Evidence[];
  difference: number;
}

/** What the values of the voting layer vote for. */
interface Ballot {
  weights: Float32Array;
  bias: number;
  total: number;
  totalName: string;
}

/** Words of a text as they were written, and their positions in the input. */
type Passage = [text: string, positions: number[]];

interface PatchMatch {
  value: number;
  description: string;
  title?: string;
  image: string | null;
  sound: string | null;
}

interface TopPatches {
  layer: string;
  map: number;
  best: PatchMatch[];
  worst: PatchMatch[];
}

/** The data of the page that explains one answer. */
interface ExplainData {
  name: string;
  kind: "drawings" | "photos" | "sounds" | "texts";
  predicted: number;
  explained: number;
  order: number[];
  classes: Record<number, string>;
  logits: Record<number, number>;
  probabilities: Record<number, number>;
  warning: string | null;
  reason: Reason | null;
  passages: Passage[] | null;
  /** The beginning of a text whose passages are not known. */
  text: string | null;
  /** The names of the channels of a colour image. */
  channels: string[];
  image: string | null;
  sound: string | null;
  layers: [InputLayer, ...Layer[]];
  /** `located`: the layer with rows and columns whose maps are those of the voting layer. */
  votes: {
    layer: string;
    located: string | null;
    labels: number[];
    biases: Record<number, number>;
  };
  /** The votes of each map of each layer for the explained class minus those for its rival. */
  map_votes: Record<string, number[]>;
  axes: Axes;
  facts: [string, string][];
  attributions: Attribution[];
  robustness: RobustnessCurve[];
  top_patches: TopPatches[];
  arrays: PackedArrays;
}

/** The number of an example, or in the app the id of a sample. */
type ExampleKey = number | string;

interface ConfusionCell {
  label: number;
  predicted: number;
  count: number;
  examples: ExampleKey[];
}

interface Neighbor {
  label: string;
  distance: number;
  example: ExampleKey;
}

interface Mistake {
  name: string;
  label: string;
  predicted: string;
  probability: number;
  label_probability: number;
  example: ExampleKey;
  neighbors: Neighbor[];
}

interface ErrorRow {
  name: string;
  label: string;
  actual: number;
  error: number;
}

/** Many small images in one large image. */
interface ImageSheet {
  image: string;
  size: [height: number, width: number];
  cells: Record<number, [row: number, column: number]>;
}

/** A candidate that was tried before the training; null: the model file does not say. */
interface Trial {
  name: string;
  layers: string;
  accuracy: number | null;
  n: number | null;
  epochs: number | null;
  chosen: boolean;
  note: string;
}

/** What shows examples. */
type ExampleData = Pick<EvaluateData, "names" | "texts" | "sheet" | "show">;
/** What a confusion matrix shows. */
type ConfusionData = ExampleData & Pick<EvaluateData, "classes" | "cells">;

/** The data of the page about the predictions for a data set. */
interface EvaluateData {
  name: string;
  kind: string;
  /** What the scores count. */
  notes: string[];
  /** The scores when the net was trained, by split, as texts. */
  training_scores: [split: string, text: string][];
  trials: Trial[];
  /** The number of wrong predictions. */
  wrong: number;
  scores: { n: number; accuracy: number; accuracy_interval: [number, number]; macro_f1: number };
  history: { loss: number }[];
  error_table: { outputs: string; total: number; n: number; rows: ErrorRow[] };
  facts: [string, string][];
  mistakes: Mistake[];
  compared_examples: number;
  cells: ConfusionCell[];
  classes: Record<number, string>;
  names: Record<ExampleKey, string>;
  texts?: Record<ExampleKey, string>;
  /** In the app: shows an example. */
  show?: (example: ExampleKey, side: number) => HTMLElement;
  sheet?: ImageSheet;
}

/** A plane of numbers: rows x columns of a flat array, from `start`. */
interface Plane {
  values: Float32Array;
  start: number;
  rows: number;
  columns: number;
  largest: number;
}

/** A rectangle of cells of a plane. */
interface CellSpan {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** What the button of a plane calls: the name of a cell, and what to do when it is reached or opened. */
interface PlaneActions {
  name: (row: number, column: number) => string;
  onMove: (text: string) => void;
  open: (row: number, column: number) => void;
}

/** A button and its plane: one map, or all maps of a layer with a single number per map. */
interface PlaneButton {
  button: HTMLButtonElement;
  plane: Plane;
  single: boolean;
}

type Colour = [red: number, green: number, blue: number];
/** Colours from the most negative to the most positive number; `over`: transparent ones. */
type PixelTables = { opaque: Uint32Array; over: Uint32Array };
type Palette = { above: Colour; zero: Colour; below: Colour };
/** A cell of a small grid; null: padding. */
type GridCell = { value: number; position?: Position | null; marked?: boolean } | null;

interface Window {
  /** For use in the console of the browser. */
  piecewise: object;
}
