/** The types of what the server says and of what the modules of the app share. */

/** A class of the project; `train` and `test` count its samples. */
interface ProjectClass {
  folder: string;
  name: string;
  train: number;
  test: number;
  /** Another number after every change of its samples. */
  revision: number;
}

interface Settings {
  layers?: string;
  recipe?: Record<string, any>;
}

type Kind = "pictures" | "sounds" | "texts";

interface Project {
  name: string;
  kind: Kind;
  /** Whether there is no sample yet; a sample of any kind decides the kind. */
  is_empty: boolean;
  importing: Importing;
  classes: ProjectClass[];
  settings: Settings;
  /** The number of the attempt whose net answers. */
  attempt: number | null;
  teaching: News;
  thorough: Thorough;
  jobs: Job[];
  /** A message for each sample that could not be read when a net was taught. */
  unread: string[];
  /** One more after every change. */
  version: number;
  /** One more after every change that a person makes, undoes or makes again. */
  changes: number;
}

/** How right nets are about samples that they never saw. */
interface Score {
  done: number;
  of: number;
  n: number;
  right: number;
  low: number;
  high: number;
  base: number;
  /** Whether the nets met no other sample of the same seat. */
  by_seat?: boolean;
  /** Below this probability it does not know; what this leaves to be answered. */
  doubt?: { coverage: number; threshold: number; right: number } | null;
}

interface Attempt {
  number: number;
  layers: string;
  recipe: Record<string, any>;
  parameters_sha256: string;
  samples: number;
  seconds: number;
  losses: number[];
  score: Score | null;
}

/** How far long work is that a person asked for. */
interface Job {
  job: number;
  kind: string;
  state: "running" | "done" | "stopped" | "failed";
  stage?: string;
  done?: number;
  total?: number;
  left?: number | null;
  message?: string;
}

/** How far the thorough teaching is; `attempt` is what it made. */
interface Thorough {
  state: "idle" | "running" | "done" | "stopped" | "failed";
  stage?: string;
  done?: number;
  total?: number;
  left?: number | null;
  attempt?: number;
  message?: string;
}

/** A piece of news: the type says which of the other values are there. */
interface News {
  type: string;
  /** Of a score: the folds that are measured, and all. */
  done?: number;
  of?: number;
  /** Of a score: the samples that are judged. */
  n?: number;
  message?: string;
  messages?: string[];
  attempt?: number | null;
  epoch?: number;
  epochs?: number;
  loss?: number;
}

type Stroke = [x: number, y: number][];

/** What the net is asked about. */
interface Question {
  strokes?: Stroke[];
  width?: number;
  sample?: string;
  text?: string;
  /** A file that was sent. */
  upload?: number;
  /** The index of a size by the name of a perturbation. */
  changes?: Record<string, number>;
}

/** The head of an answer: the data of a report, and which net and walk it is. */
interface AnswerData extends ExplainData {
  walk: number;
  parameters_sha256: string;
  /** Whether the net has learned nothing yet: its weights are random. */
  untaught?: boolean;
  /** The part of a picture that the input shows, and the picture's width and height. */
  source: { box: [number, number, number, number]; size: [number, number] } | null;
}

/** A drawing that is on its way to the server. */
interface Pending {
  folder: string;
  strokes: Stroke[];
  width: number;
}

/** What the address says about the view. */
interface ViewAddress {
  /** The sample that is looked at. */
  on?: string;
  /** The number that is open, as layer.map.row.column. */
  cell?: string;
  /** The number of the attempt that answers. */
  attempt?: string;
  /** The number of the attempt that is compared with it. */
  with?: string;
  /** The same number if the open number is one of that attempt. */
  of?: string;
  /** What is hidden. */
  hide?: string;
  /** The lesson that is open, and the seed of its questions. */
  lesson?: string;
  seed?: string;
}

type Part = "train" | "test";
/** Of samples: the newest, the least certain or the wrong ones first; or similar ones together. */
type Order = "added" | "unsure" | "wrong" | "alike";
type Connection = "opening" | "open" | "gone" | "locked";
type PlaceName = "gather" | "look" | "try" | "learn" | "take";

/** A place of the page, and what keys do while it is open. */
interface Place {
  element: HTMLElement;
  keys?: Record<string, () => void>;
  /** What the digit of a class does. */
  choose?: (one: ProjectClass) => void;
  /** Undo something of the place itself; false if there is nothing. */
  undo?: () => boolean;
}

/** Thumbnails of samples in one picture, and the elements that show some of them. */
interface Sheet {
  url: string;
  ids: string[];
  across: number;
  down: number;
  users: Set<WeakRef<HTMLElement>>;
}

/** A thumbnail in a sheet of thumbnails. */
interface Thumbnail {
  sheet: Sheet;
  column: number;
  row: number;
}

/** A file with its path in the folders in which it was dropped. */
interface DroppedFile {
  path: string;
  file: File;
}

/** How far an import is; `left` in seconds. */
interface Importing {
  state: "idle" | "running";
  done?: number;
  total?: number;
  left?: number | null;
}

interface ImportReport {
  classes: Record<string, number>;
  /** Messages about what was left out. */
  skipped: string[];
  /** The files and folders that were left out. */
  skipped_count: number;
  /** By the message, the files that one is about if they are several. */
  files: Record<string, string[]>;
  /** The file of a net that answers now. */
  opened?: string;
  /** How many changes it was; 1 if it is left out. */
  changes?: number;
}

interface AlikePairs {
  count: number;
  pairs: [string, string][];
}

interface AlikeResult {
  compared: number;
  same: AlikePairs;
  near: AlikePairs;
  findings: string[];
}

interface State {
  connection: Connection;
  project: Project | null;
  attempts: Attempt[];
  teaching: News;
  thorough: Thorough;
  /** The last job of every kind. */
  jobs: Record<string, Job>;
  question: Question | null;
  walk: Walk | null;
  /** The map that a person chose. */
  chosen: { layer: string; map: number } | null;
  /** The maps whose votes are taken away. */
  muted: [layer: string, map: number][];
  pending: Pending[];
  place: PlaceName;
  view: ViewAddress;
  importing: Importing | null;
  /** What the last import did, until a person closes it. */
  imported: ImportReport | null;
  /** Files that wait for the name of their class. */
  asked: DroppedFile[] | null;
  /** A file of weights that waits for their layers. */
  weights: File | null;
  /** Of the samples in Gather. */
  order: Order;
  /** The kind of samples that a person adds to an empty project. */
  way: Kind;
  /** What failed, where a person sees it. */
  problem: string;
}
