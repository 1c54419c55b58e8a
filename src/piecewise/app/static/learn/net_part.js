/** The small net as an interactive part: a drawing to move or flip, maps to read, mute and open. */

import { arithmetic } from "app/arithmetic.js";
import { listenToDrag } from "app/learn/drag.js";
import { moveButtons } from "app/learn/moves.js";
import { partSection } from "app/learn/part_section.js";
import { pixelTable } from "app/learn/pixels.js";
import { SmallWalk } from "app/learn/small_walk.js";
import { Stack } from "app/stack.js";
import { learnWords as words } from "app/words/learn.js";
import { panel } from "piecewise/panel.js";
import { element, exactNumber, percent } from "piecewise/text.js";

const FAR = 8; // pixels of a move, at most
const WIDE = 420; // pixels of the widest stack
const MAP = 130; // of a map

/**
 * What a part shows and lets a person do.
 * @typedef {{ layers: string[], moves?: boolean, overlap?: boolean, counts?: boolean,
 *   flips?: boolean, mutes?: string, opens?: [layer: string, text: string] }} PartOptions
 */

/**
 * @param {PartOptions} options
 * @param {string[]} names of the classes of the drawings
 */
export function netPart(options, names) {
  return new NetPart(options, names).element;
}

class NetPart {
  /**
   * @param {PartOptions} options
   * @param {string[]} names
   */
  constructor(options, names) {
    this.options = options;
    /** @type {Stack[]} */
    this.stacks = [];
    /** @type {ReturnType<typeof panel> | null} */
    this.panel = null;
    this.wanted = ""; // a layer whose largest value is opened when the first answer comes
    this.small = new SmallWalk(() => this.show());
    this.facts = element("p", { class: "facts", role: "status" });
    this.line = element("p", { class: "sub line", text: words.pointAt });
    this.picture = element("div");
    this.maps = element("div", { class: "part-maps" });
    this.element = partSection(
      words.smallNet,
      this.controls(names),
      this.facts,
      this.picture,
      this.maps,
      this.line,
    );
    if (options.overlap) this.drag(this.picture, () => cellSide(this.picture));
    this.small.ask({}).catch(() => {}); // the strip says that the program is gone
  }

  /** @param {Partial<import("app/learn/small_walk.js").Asked>} values */
  ask(values) {
    this.small.ask(values).catch(() => {});
  }

  /** @param {string[]} names */
  controls(names) {
    const { moves, mutes, opens, flips } = this.options;
    const choice = drawingChoice(names, (drawing) =>
      this.ask({ drawing, down: 0, right: 0, flipped: [] }),
    );
    return element(
      "div",
      { class: "row" },
      choice,
      moves ? this.moveButtons() : null,
      mutes ? this.muteButtons(mutes) : null,
      opens ? button(opens[1], () => this.openLargest(opens[0])) : null,
      flips ? button(words.unflip, () => this.ask({ flipped: [] })) : null,
      flips ? element("span", { class: "sub", text: words.flip }) : null,
    );
  }

  moveButtons() {
    const { asked } = this.small;
    const move = (/** @type {number} */ down, /** @type {number} */ right) =>
      this.moveTo(asked.down + down, asked.right + right);
    const back = button(words.moveBack, () => this.ask({ down: 0, right: 0 }));
    const note = element("span", { class: "sub", text: words.dragNote });
    return element("div", {}, moveButtons(words.moves, move, back), note);
  }

  /** Move the drawing. @param {number} down @param {number} right */
  moveTo(down, right) {
    const far = (/** @type {number} */ by) => Math.max(-FAR, Math.min(FAR, by));
    const { asked } = this.small;
    if (asked.down === far(down) && asked.right === far(right)) return;
    this.ask({ down: far(down), right: far(right) });
  }

  /** Let a person drag the drawing. @param {HTMLElement} target @param {() => number} side */
  drag(target, side) {
    const { asked } = this.small;
    listenToDrag(target, {
      side,
      from: () => [asked.down, asked.right],
      to: (down, right) => this.moveTo(down, right),
    });
  }

  /** @param {string} layer */
  muteButtons(layer) {
    const maps = [0, 1, 2];
    const buttons = maps.map((map) => {
      const one = button(words.muteMap(map + 1), () => {
        const isMuted = one.getAttribute("aria-pressed") !== "true";
        one.setAttribute("aria-pressed", String(isMuted));
        const muted = maps.filter((_, i) => buttons[i].getAttribute("aria-pressed") === "true");
        this.ask({ mute: muted.map((number) => [layer, number]) });
      });
      one.setAttribute("aria-pressed", "false");
      return one;
    });
    const group = { class: "row", role: "group", "aria-label": words.votes };
    const note = element("span", { class: "sub", text: words.mutedNote });
    return element("div", group, ...buttons, note);
  }

  /** Show the answer that came. */
  show() {
    const { walk } = this.small;
    if (!walk) return;
    if (!this.panel) this.build(walk);
    for (const stack of this.stacks) {
      stack.muted = new Set(this.small.asked.mute.map(([, map]) => map));
      if (stack.name !== this.options.mutes) stack.muted.clear();
      stack.repaint();
    }
    this.panel?.refresh();
    this.say(walk);
    if (this.wanted) this.openLargest(this.wanted);
  }

  /** @param {Walk} walk */
  build(walk) {
    this.panel = panel(walk, () => {}, arithmetic(null));
    this.maps.replaceChildren(...this.options.layers.map((name) => this.figure(walk, name)));
    this.element.append(this.panel.aside);
    const fit = () => {
      const width = Math.min(WIDE, this.maps.clientWidth);
      for (const stack of this.stacks) {
        const count = stack.shape[0];
        stack.fit(Math.min(width, count === 1 ? 2 * MAP : count * MAP), count);
      }
    };
    new ResizeObserver(fit).observe(this.maps);
  }

  /**
   * @param {Walk} walk
   * @param {string} name
   */
  figure(walk, name) {
    /** @type {(cell: import("app/stack.js").Cell) => Position} */
    const position = ({ map, row, column }) => [name, map, row, column];
    const stack = new Stack(
      walk,
      name,
      (cell) => this.point(cell && position(cell)),
      (cell) => this.choose(position(cell)),
    );
    this.stacks.push(stack);
    if (name === "input" && this.options.moves)
      this.drag(stack.button, () => stack.size.width / stack.shape[2]);
    const caption = element("figcaption", { class: "sub", "data-layer": name });
    return element("figure", {}, stack.button, caption);
  }

  /** Say a number that is pointed at. @param {Position | null} position */
  point(position) {
    const { walk } = this.small;
    const words_ = walk && position && `${walk.describe(position)} = `;
    this.line.textContent = words_
      ? words_ + exactNumber(walk?.value(/** @type {Position} */ (position)))
      : words.pointAt;
  }

  /** Open a number, or flip a pixel. @param {Position} position */
  choose(position) {
    const [name, , row, column] = position;
    if (name !== "input" || !this.options.flips) {
      this.panel?.openNumber(position);
      return;
    }
    const { down, right, flipped } = this.small.asked;
    const others = flipped.filter(([y, x]) => y !== row || x !== column);
    const isNew = others.length === flipped.length;
    this.ask({ down, right, flipped: isNew ? [...others, [row, column]] : others });
  }

  /** Open the largest value of a layer, once the first answer is here. @param {string} name */
  openLargest(name) {
    const { walk } = this.small;
    this.wanted = walk ? "" : name;
    const values = walk?.activation(name)?.values;
    if (!walk || !values) return;
    this.panel?.openNumber(walk.positionAt(name, values.indexOf(Math.max(...values))));
  }

  /** @param {Walk} walk */
  say(walk) {
    const { data, asked } = this.small;
    const name = data.classes[data.predicted];
    const { moves, overlap, counts } = this.options;
    const moved = moves && words.moved(asked.down, asked.right, data.shared_ink, data.ink);
    const says = words.says(name, percent(data.probabilities[data.predicted]));
    this.facts.textContent = [overlap ? moved : "", says].filter(Boolean).join(" ");
    for (const stack of this.stacks) {
      const caption = this.maps.querySelector(`[data-layer="${stack.name}"]`);
      const values = walk.activation(stack.name)?.values ?? [];
      const count = words.changed(data.changed[stack.name], values.length);
      const scale = stack.name === "input" ? "" : words.scale(stack.largest);
      const notes = [stack.name, counts ? count : "", scale].filter(Boolean);
      if (caption) caption.textContent = notes.join(" \u00b7 ");
    }
    if (overlap) this.showOverlap(data.pixels);
  }

  /** The drawing as it was, and as it is now. @param {Pixels} pixels */
  showOverlap(pixels) {
    const before = this.before ?? pixels;
    const { drawing, down, right } = this.small.asked;
    if (down === 0 && right === 0) [this.before, this.beforeOf] = [pixels, drawing];
    const isKnown = this.beforeOf === drawing;
    const mark = (/** @type {number} */ row, /** @type {number} */ column) =>
      isKnown && before[row][column] ? "was" : "";
    this.picture.replaceChildren(pixelTable(pixels, words.overlap, mark));
  }

  /** The pixels of the drawing before it was moved. @type {Pixels | undefined} */
  before;
  /** The drawing that they are of. @type {number | undefined} */
  beforeOf;
}

/**
 * @param {string} text
 * @param {() => unknown} press
 */
function button(text, press) {
  return element("button", { type: "button", text, onclick: press });
}

/**
 * A choice among the drawings.
 * @param {string[]} names of their classes
 * @param {(drawing: number) => unknown} choose
 */
export function drawingChoice(names, choose) {
  const choice = element("select", { "aria-label": words.drawing });
  names.forEach((name, i) =>
    choice.append(element("option", { value: i, text: words.drawingNumber(i + 1, name) })),
  );
  choice.addEventListener("change", () => choose(Number(choice.value)));
  return choice;
}

/** The side of a pixel of a table on the screen. @param {HTMLElement} place */
function cellSide(place) {
  return place.querySelector("tbody td")?.getBoundingClientRect().width || 1;
}

/** The names of the classes of the drawings. @param {Overview | null} overview */
export function namesOf(overview) {
  return overview?.learner.labels.map((label) => overview.learner.classes[label]) ?? [];
}
