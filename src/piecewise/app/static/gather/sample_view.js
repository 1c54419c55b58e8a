/**
 * The samples of a class in a part: a line that scrolls, or a grid. Only what is in view is in the
 * page: buttons are used again while it scrolls, ids and thumbnails are asked for as needed.
 */

import { hasThumbnail, loadThumbnails, showThumbnail } from "app/atlas.js";
import { ask, request } from "app/ask.js";
import { chosen, choose, whenChosen } from "app/gather/selection.js";
import { samplesOf } from "app/samples.js";
import { state } from "app/store.js";
import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

const CELL = 56; // pixels from one thumbnail to the next
const LINE = 26; // pixels from one text to the next
const LINES = 3; // texts of a view that is not open
const PAGE = 200; // ids of a question
const MOST = 420; // pixels of an open view
const MARGIN = 1; // views that are loaded on each side
/** The beginnings of texts by their ids. @type {Map<string, string>} */
const texts = new Map();
const TEXTS = 5_000; // that are remembered

export class SampleView {
  /**
   * @param {string} folder
   * @param {Part} where
   */
  constructor(folder, where) {
    this.folder = folder;
    this.where = where;
    /** @type {(string | undefined)[]} */
    this.ids = [];
    this.total = 0;
    this.isOpen = false;
    this.isSeen = false;
    this.key = "";
    this.current = 0; // the sample that keys move from
    this.anchor = 0; // where a range begins
    this.isLoading = false;
    this.isPlanned = false;
    this.placed = ""; // the geometry by which the buttons are placed
    /** @type {Map<number, HTMLButtonElement>} */
    this.nodes = new Map();
    /** @type {HTMLButtonElement[]} */
    this.free = [];
    this.space = element("div", { class: "sample-space" });
    this.box = element("div", { class: "sample-box", role: "group", tabindex: "-1" }, this.space);
    this.box.addEventListener("scroll", () => this.plan(), { passive: true });
    this.box.addEventListener("click", (event) => this.click(event));
    this.box.addEventListener("dblclick", (event) => this.withId(event, lookAt));
    this.box.addEventListener("keydown", (event) => this.onKey(event));
    new ResizeObserver(() => {
      if (this.isOpen) this.resize();
      this.plan();
    }).observe(this.box);
    new IntersectionObserver(([entry]) => {
      this.isSeen = entry.isIntersecting;
      if (this.isSeen) this.plan();
    }).observe(this.box);
    whenChosen(() => this.mark());
  }

  /**
   * @param {number} total
   * @param {string} name of the class
   * @param {string} key another one after every change of the samples
   */
  show(total, name, key) {
    this.box.setAttribute("aria-label", words.samplesOf(name, this.where));
    if (key === this.key) return;
    this.key = key;
    this.total = total;
    this.stale = this.ids;
    this.ids = [];
    this.current = Math.min(this.current, Math.max(0, total - 1));
    this.resize();
    this.plan();
  }

  /** @param {boolean} isOpen */
  setOpen(isOpen) {
    this.isOpen = isOpen;
    this.box.classList.toggle("open", isOpen);
    this.resize();
    this.plan();
  }

  get isText() {
    return state.project?.kind === "texts";
  }

  /** The columns and the sizes of a cell. */
  get geometry() {
    if (this.isText) return { columns: 1, width: this.box.clientWidth, height: LINE };
    const columns = this.isOpen ? Math.max(1, Math.floor(this.box.clientWidth / CELL)) : this.total;
    return { columns, width: CELL, height: CELL };
  }

  resize() {
    const { columns, height } = this.geometry;
    const rows = Math.ceil(this.total / Math.max(1, columns));
    const most = this.isOpen ? MOST : this.isText ? LINES * LINE : CELL;
    this.box.style.height = `${Math.min(most, rows * height) + (this.isOpen ? 0 : 6)}px`;
    this.space.style.height = `${rows * height}px`;
    this.space.style.width = this.isText || this.isOpen ? "100%" : `${this.total * CELL}px`;
  }

  plan() {
    if (this.isPlanned) return;
    this.isPlanned = true;
    requestAnimationFrame(() => {
      this.isPlanned = false;
      this.render();
    });
  }

  /** The first sample that is in view, and the one after the last. */
  range() {
    const { columns, width, height } = this.geometry;
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.box;
    if (!this.isText && !this.isOpen)
      return [Math.floor(scrollLeft / width), Math.ceil((scrollLeft + clientWidth) / width)];
    const rows = [Math.floor(scrollTop / height), Math.ceil((scrollTop + clientHeight) / height)];
    return [rows[0] * columns, rows[1] * columns];
  }

  render() {
    if (!this.isSeen || this.box.offsetParent === null) return;
    const [from, to] = this.range();
    const first = Math.max(0, from - 2);
    const last = Math.min(this.total, to + 2);
    for (const [index, node] of this.nodes) {
      if ((index >= first && index < last) || node === document.activeElement) continue;
      this.nodes.delete(index);
      this.free.push(node);
    }
    const geometry = this.geometry; // read once, before the page changes
    const key = Object.values(geometry).join();
    const isMoved = key !== this.placed;
    this.placed = key;
    for (let index = first; index < last; index++)
      if (isMoved || !this.isShown(index)) this.place(index, geometry);
    for (const node of this.free) if (node.isConnected) node.remove();
    if (this.current < first || this.current >= last) this.setCurrent(first);
    this.load(first, last);
  }

  /** Whether the button of a sample shows it: while it scrolls, most do. @param {number} index */
  isShown(index) {
    const { id, shown } = this.nodes.get(index)?.dataset ?? {};
    return Boolean(shown) && id === (this.ids[index] ?? this.stale?.[index]);
  }

  /**
   * Put the button of a sample where it belongs.
   * @param {number} index
   * @param {SampleView["geometry"]} geometry
   */
  place(index, { columns, width, height }) {
    let node = this.nodes.get(index);
    if (!node) {
      node = this.free.pop() ?? element("button", { type: "button" });
      node.className = this.isText ? "text-line" : "thumb";
      node.style.backgroundImage = "";
      node.dataset.id = node.dataset.shown = "";
      this.nodes.set(index, node);
    }
    const left = this.isText ? 0 : (index % columns) * width;
    node.style.transform = `translate(${left}px, ${Math.floor(index / columns) * height}px)`;
    node.tabIndex = index === this.current ? 0 : -1;
    const id = this.ids[index] ?? this.stale?.[index];
    if (id) this.fill(node, id);
    if (!node.isConnected) this.space.append(node);
  }

  /**
   * Show a sample on a button, as far as it is loaded.
   * @param {HTMLButtonElement} node
   * @param {string} id
   */
  fill(node, id) {
    if (node.dataset.id === id && node.dataset.shown) return;
    node.dataset.id = id;
    const name = id.split("/")[2];
    const text = texts.get(id);
    node.title = name;
    node.setAttribute("aria-label", text || name);
    node.setAttribute("aria-pressed", String(chosen.has(id)));
    node.textContent = this.isText ? (text ?? "") : "";
    if (!this.isText) showThumbnail(node, id);
    node.dataset.shown = text !== undefined || hasThumbnail(id) ? "1" : "";
  }

  /** Ask for what is in view, and around it, and is not known yet.
   * @param {number} first
   * @param {number} last
   */
  async load(first, last) {
    if (this.isLoading) return;
    const wide = MARGIN * (last - first);
    const from = Math.max(0, first - wide);
    const to = Math.min(this.total, last + wide);
    const { key } = this;
    this.isLoading = true;
    try {
      for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) {
        if (this.ids[page * PAGE] !== undefined) continue;
        const { ids } = await samplesOf(this.folder, this.where, PAGE, page * PAGE, state.order);
        if (key !== this.key) break;
        ids.forEach((id, i) => (this.ids[page * PAGE + i] = id));
      }
      const wanted = this.ids.slice(from, to).filter((id) => id !== undefined);
      await (this.isText ? loadTexts(wanted) : loadThumbnails(wanted));
    } catch {
      return; // the news bring the next state
    } finally {
      this.isLoading = false;
    }
    if (key === this.key) this.stale = undefined;
    const [now, end] = this.range();
    if (key !== this.key || now < from || Math.min(end, this.total) > to) this.plan();
    const geometry = this.geometry;
    for (const index of this.nodes.keys()) if (!this.isShown(index)) this.place(index, geometry);
  }

  /** Mark the chosen samples. */
  mark() {
    for (const node of this.nodes.values())
      node.setAttribute("aria-pressed", String(chosen.has(node.dataset.id ?? "")));
  }

  /** Only of samples that are known to be there still.
   * @param {Event} event
   * @param {(id: string, index: number) => void} does
   */
  withId(event, does) {
    const node = event.target instanceof Element ? event.target.closest("button") : null;
    for (const [index, one] of this.nodes)
      if (one === node && this.ids[index] && this.ids[index] === one.dataset.id)
        does(this.ids[index], index);
  }

  /** @param {MouseEvent} event */
  click(event) {
    this.withId(event, (id, index) => {
      if (event.shiftKey) this.chooseTo(index);
      else {
        choose([id], !chosen.has(id));
        this.anchor = index;
      }
      this.setCurrent(index);
      if (state.project?.kind === "sounds" && !event.shiftKey) play(id);
    });
  }

  /** Choose from the anchor to a sample. @param {number} index */
  async chooseTo(index) {
    const [from, to] = [Math.min(this.anchor, index), Math.max(this.anchor, index) + 1];
    await this.idsOf(from, to);
    choose(
      this.ids.slice(from, to).filter((id) => id !== undefined),
      true,
    );
  }

  /** @param {number} from @param {number} to */
  async idsOf(from, to) {
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) {
      if (this.ids[page * PAGE] !== undefined) continue;
      const { ids } = await samplesOf(this.folder, this.where, PAGE, page * PAGE, state.order);
      ids.forEach((id, i) => (this.ids[page * PAGE + i] = id));
    }
  }

  /** @param {number} index */
  setCurrent(index) {
    const before = this.nodes.get(this.current);
    if (before) before.tabIndex = -1;
    this.current = index;
    const node = this.nodes.get(index);
    if (node) node.tabIndex = 0;
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const { columns } = this.geometry;
    const down = this.isOpen || this.isText ? columns : 0;
    /** @type {Record<string, number>} */
    const steps = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: down,
      ArrowUp: -down,
      PageDown: 10 * (down || 1),
      PageUp: -10 * (down || 1),
      Home: -this.total,
      End: this.total,
    };
    const step = steps[event.key];
    if (step) this.go(this.current + step, event.shiftKey);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      this.anchor = 0;
      this.chooseTo(this.total - 1);
    } else if (event.key === "Enter") this.withId(event, lookAt);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * Focus another sample.
   * @param {number} index
   * @param {boolean} isRange whether those on the way are chosen
   */
  go(index, isRange) {
    const target = Math.max(0, Math.min(this.total - 1, index));
    if (!isRange) this.anchor = target;
    this.reveal(target);
    this.setCurrent(target);
    this.render();
    this.nodes.get(target)?.focus({ preventScroll: true });
    if (isRange) this.chooseTo(target);
  }

  /** Scroll so that a sample is in view. @param {number} index */
  reveal(index) {
    const { columns, width, height } = this.geometry;
    const left = (index % columns) * width;
    const top = Math.floor(index / columns) * height;
    const { box } = this;
    if (left < box.scrollLeft) box.scrollLeft = left;
    if (left + width > box.scrollLeft + box.clientWidth)
      box.scrollLeft = left + width - box.clientWidth;
    if (top < box.scrollTop) box.scrollTop = top;
    if (top + height > box.scrollTop + box.clientHeight)
      box.scrollTop = top + height - box.clientHeight;
  }
}

/** Show a sample in Look inside. @param {string} id */
function lookAt(id) {
  location.hash = `#/look?${new URLSearchParams({ on: id })}`;
}

/** @param {string[]} ids */
async function loadTexts(ids) {
  const missing = ids.filter((id) => !texts.has(id)).slice(0, PAGE);
  if (!missing.length) return;
  const answer = await ask("POST", "/api/texts", { ids: missing });
  if (texts.size > TEXTS) texts.clear();
  missing.forEach((id, i) => texts.set(id, answer.texts[i]));
}

/** @type {HTMLAudioElement | null} */
let player = null;

/** Play a sound. @param {string} id */
async function play(id) {
  const response = await request("POST", "/api/content", { id });
  player?.pause();
  if (player) URL.revokeObjectURL(player.src);
  player = new Audio(URL.createObjectURL(new Blob([await response.arrayBuffer()])));
  await player.play().catch(() => {}); // a format that this browser does not play
}
