/**
 * Files that come into the project: dropped, or chosen. Archives and tables are imported, folders of
 * folders make classes, nets become attempts, and loose files go to the class that a person names.
 */

import { ask, Refused } from "app/ask.js";
import { isNet } from "app/net_files.js";
import { change } from "app/samples.js";
import { state, update } from "app/store.js";

const ARCHIVE = /\.zip$/i;
const TABLE = /\.(csv|tsv|jsonl)$/i;

/**
 * All files of a drop, with their paths in the folders that were dropped.
 * @param {DataTransfer} transfer
 * @returns {Promise<DroppedFile[]>}
 */
export async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (entries.every((one) => one === null))
    return [...transfer.files].map((file) => ({ path: file.name, file }));
  /** @type {DroppedFile[]} */
  const found = [];
  for (const entry of entries) if (entry) await collect(entry, found);
  return found;
}

/**
 * @param {FileSystemEntry} entry
 * @param {DroppedFile[]} found
 */
async function collect(entry, found) {
  if (entry.name.startsWith(".")) return;
  if (entry.isFile) {
    const one = /** @type {FileSystemFileEntry} */ (entry);
    /** @type {File} */
    const file = await new Promise((resolve, reject) => one.file(resolve, reject));
    found.push({ path: entry.fullPath.replace(/^\//, ""), file });
    return;
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const inner of some) await collect(inner, found);
  }
}

/**
 * Import files.
 * @param {DroppedFile[]} files
 * @param {string | null} folder the class on which they were dropped
 */
export async function takeFiles(files, folder = null) {
  const others = [];
  const archives = files.filter(({ path }) => ARCHIVE.test(path));
  await importArchives(archives.map(({ file }) => file));
  const nets = files.filter(({ path }) => isNet(path));
  await openNets(nets.map(({ file }) => file));
  for (const one of files) {
    if (archives.includes(one) || nets.includes(one)) continue;
    if (TABLE.test(one.path)) await importBody({ kind: "table", name: one.file.name }, one.file);
    else others.push(one);
  }
  const isFlat = new Set(others.map(({ path }) => path.split("/").slice(0, -1).join("/"))).size < 2;
  if (!others.length) return;
  if (folder !== null && isFlat) return importFiles(others, folder);
  const nested = others.filter(({ path }) => path.includes("/"));
  const loose = others.filter(({ path }) => !path.includes("/"));
  if (nested.length) await importFiles(nested);
  if (loose.length && folder !== null) return importFiles(loose, folder);
  if (loose.length) update({ asked: loose });
}

/**
 * Import archives, each as one change; several are the seats of a class, each with its name.
 * @param {File[]} archives
 */
async function importArchives(archives) {
  /** @type {ImportReport & { changes: number }} */
  const whole = { classes: {}, skipped: [], skipped_count: 0, files: {}, changes: 0 };
  for (const file of archives) {
    const report = await importBody(
      { kind: "archive", ...(archives.length > 1 ? { seat: file.name } : {}) },
      file,
    );
    if (!report) break; // refused, or stopped
    whole.changes += 1;
    for (const [name, count] of Object.entries(report.classes))
      whole.classes[name] = (whole.classes[name] ?? 0) + count;
    // Each message says which archive it is about.
    const of = (/** @type {string} */ text) =>
      archives.length > 1 ? `${file.name}: ${text}` : text;
    whole.skipped.push(...report.skipped.map(of));
    whole.skipped_count += report.skipped_count;
    for (const [message, paths] of Object.entries(report.files)) whole.files[of(message)] = paths;
  }
  if (archives.length > 1 && whole.changes) update({ imported: whole });
}

/**
 * Import files into a class, or class folders, as one change.
 * @param {DroppedFile[]} files
 * @param {string} [folder]
 */
export function importFiles(files, folder) {
  return importBody({ kind: "files", ...(folder === undefined ? {} : { folder }) }, packed(files));
}

/** Files in one body. @param {DroppedFile[]} files */
function packed(files) {
  const list = JSON.stringify(files.map(({ path, file }) => [path, file.size]));
  const head = new TextEncoder().encode(list);
  const length = new Uint32Array([head.length]);
  return new Blob([length, head, ...files.map(({ file }) => file)]);
}

/** What a stop names, even before the server has begun. */
let key = "";

/**
 * @param {Record<string, string>} fields
 * @param {Blob} body
 * @returns {Promise<ImportReport | undefined>}
 */
async function importBody(fields, body) {
  key = crypto.randomUUID();
  update({
    imported: null,
    importing: { state: "running", done: 0, total: 0, left: null },
  });
  const query = new URLSearchParams({ ...fields, key });
  const report = await change("POST", `/api/import?${query}`, body);
  update({ imported: report ?? null, importing: { state: "idle" } });
  return report;
}

/**
 * Open nets, of piecewise or of other toolkits. A net of Caffe is in two files, which come together.
 * @param {File[]} files
 */
async function openNets(files) {
  const [weights, layers] = [".caffemodel", ".prototxt"].map((end) =>
    files.filter(({ name }) => name.toLowerCase().endsWith(end)),
  );
  const isPair = weights.length === 1 && layers.length === 1;
  const pair = isPair ? [weights[0], layers[0]] : [];
  if (isPair)
    await openNet(
      { name: weights[0].name, kind: "caffe" },
      packed(pair.map((file) => ({ path: file.name, file }))),
    );
  for (const file of files) if (!pair.includes(file)) await openNet({ name: file.name }, file);
}

/**
 * @param {{ name: string, kind?: "caffe", layers?: string }} fields
 * @param {Blob} body
 */
async function openNet(fields, body) {
  const { name } = fields;
  try {
    await ask("POST", `/api/nets?${new URLSearchParams(fields)}`, body);
    const imported = {
      classes: {},
      skipped: [],
      skipped_count: 0,
      files: {},
      opened: name,
    };
    update({ imported, weights: null, problem: "" });
  } catch (error) {
    if (!(error instanceof Refused)) return;
    const isOfWeights = error.where === "layers" && !fields.layers;
    if (isOfWeights) update({ weights: new File([body], name), problem: "" });
    else update({ problem: error.message });
  }
}

/** Open a file of weights alone. @param {File} file @param {string} layers */
export function openWeights(file, layers) {
  return openNet({ name: file.name, layers }, file);
}

/** Stop the import. */
export function stopImport() {
  return ask("DELETE", "/api/import", { key });
}

/** Whether files can be dropped now. */
export function isFree() {
  return state.importing?.state !== "running";
}
