/** The row below the net: a map, its kernel, what it looks for, and which maps never answer. */

import { ask } from "app/ask.js";
import { blocksOf } from "app/blocks.js";
import { tryFeatures } from "app/column_knobs.js";
import { chooseMap, chosenMap, isMuted, matchLayer, toggleMuted } from "app/chosen.js";
import { isUntaught } from "app/says.js";
import { showOnce } from "app/small_maps.js";
import { kindNow, state, watch } from "app/store.js";
import { voteSums } from "app/votes.js";
import { lookWords as words } from "app/words/look.js";
import { largestOf } from "piecewise/paint.js";
import { element, number } from "piecewise/text.js";

const WAIT = 250; // milliseconds without another answer until the server is asked
const KERNELS = 16; // that are shown
const REMEMBERED = 200;

/** @typedef {{ best: (PatchMatch & { id: string })[] }} Patches */
/** @typedef {{ samples: number, maps: Record<string, number[]> }} Activity */

/** Answers of the server, by net and question. @type {Map<string, Promise<any>>} */
const known = new Map();

/**
 * @param {string} path
 * @param {object} values
 * @returns {Promise<any>}
 */
function asked(path, values) {
  const { walk } = state;
  const { parameters_sha256 } = /** @type {AnswerData} */ (walk?.data);
  const version = state.project?.version;
  const key = JSON.stringify([parameters_sha256, version, path, values]);
  const found = known.get(key) ?? ask("POST", path, values).catch(() => null);
  known.delete(key);
  known.set(key, found);
  for (const old of known.keys()) if (known.size > REMEMBERED) known.delete(old);
  return found;
}

export function mapRow() {
  const head = element("div", { class: "map-head" });
  const kernels = element("div", { class: "kernels" });
  const patches = element("div", { class: "patches" });
  const kernelTitle = element("h2");
  const looksTitle = element("h2");
  const silent = element("p", { class: "never" });
  const section = element(
    "section",
    { class: "map-row", "aria-label": words.chosenMap },
    head,
    element("div", { class: "map-kernel" }, kernelTitle, kernels),
    element("div", { class: "map-looks" }, looksTitle, patches),
    silent,
  );
  let shown = "";
  let timer = 0;
  const show = () => {
    const { walk } = state;
    const chosen = walk && chosenMap(walk);
    section.hidden = !chosen;
    if (!chosen) return;
    const { block, map } = chosen;
    const { parameters_sha256 } = /** @type {AnswerData} */ (walk.data);
    showHead(head, walk, block, map);
    const key = JSON.stringify([parameters_sha256, block[0].name, map, state.project?.version]);
    if (key === shown) return;
    shown = key;
    showKernels(kernelTitle, kernels, walk, block[0], map);
    looksTitle.replaceChildren(`${words.looksForTitle} `, sub(words.bestOf(kindNow())));
    clearTimeout(timer);
    if (isUntaught(walk)) return; // nothing is known of the samples yet
    timer = setTimeout(async () => {
      const [found, activity] = await Promise.all([
        asked("/api/patches", { layer: matchLayer(block), map }),
        asked("/api/activity", {}),
      ]);
      if (shown !== key) return;
      showPatches(patches, found);
      showActivity(head, silent, block, map, activity);
    }, WAIT);
  };
  watch(["walk", "chosen", "muted"], show);
  return section;
}

/** @param {string} text */
function sub(text) {
  return element("span", { class: "sub", text });
}

/**
 * @param {HTMLElement} place
 * @param {Walk} walk
 * @param {Layer[]} block
 * @param {number} map
 */
function showHead(place, walk, block, map) {
  const [head] = block;
  const [count] = head.shape;
  const step = (
    /** @type {number} */ by,
    /** @type {string} */ text,
    /** @type {string} */ label,
  ) => {
    const press = () => chooseMap(head.name, (map + by + count) % count);
    const set = { type: "button", class: "plain", text, "aria-label": label, onclick: press };
    return element("button", { ...set, "data-key": label });
  };
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const key = focused instanceof HTMLElement ? focused.dataset.key : undefined;
  const answers = place.querySelector(".answers-to");
  const isSilenced = isMuted(block, map);
  const mute = element("button", {
    type: "button",
    class: "mute",
    "data-key": "mute",
    "aria-pressed": String(isSilenced),
    text: isSilenced ? words.unmute : words.mute,
    onclick: () => toggleMuted(block, map),
  });
  place.replaceChildren(
    element(
      "div",
      { class: "map-name" },
      step(-1, "\u2039", words.mapBefore),
      element("h2", { text: words.mapOf(map, head.name) }),
      step(1, "\u203a", words.mapAfter),
    ),
    element("p", { class: "sub", text: voteSentence(walk, block, map) }),
    answers ?? element("p", { class: "sub answers-to" }),
    head.name === walk.last ? "" : mute,
  );
  /** @type {HTMLElement | null} */
  const again = key ? place.querySelector(`[data-key="${key}"]`) : null;
  again?.focus();
}

/**
 * @param {Walk} walk
 * @param {Layer[]} block
 * @param {number} map
 */
function voteSentence(walk, block, map) {
  const { data } = walk;
  const label = data.classes[data.explained];
  const isVoting = block.some(({ name }) => name === data.votes.layer);
  const sums = isVoting ? voteSums(walk, data.explained) : null;
  if (sums) return words.voteHere(sums[map], label);
  const vote = data.map_votes[block[block.length - 1].name]?.[map];
  const rival = data.classes[data.order.find((one) => one !== data.explained) ?? -1];
  return vote === undefined ? "" : words.voteOver(vote, label, rival ?? "");
}

/**
 * The weights of a map, a small plane for each map that it reads.
 * @param {HTMLElement} title
 * @param {HTMLElement} place
 * @param {Walk} walk
 * @param {Layer} head
 * @param {number} map
 */
function showKernels(title, place, walk, head, map) {
  const weights = walk.array(`${head.name}.weight`)?.values;
  const isShown = weights && (head.word === "conv" || head.word === "full");
  title.hidden = !isShown;
  place.replaceChildren();
  if (!isShown) return;
  const [maps, height, width] = head.input_shape;
  const [rows, columns] = head.word === "conv" ? head.kernel : [height, width];
  const own = maps * rows * columns;
  const values = weights.subarray(map * own, (map + 1) * own);
  const largest = largestOf(values);
  title.replaceChildren(
    `${head.word === "conv" ? words.itsKernel : words.itsWeights} `,
    sub(words.forEachMap(`${rows}\u00d7${columns}`, maps, head.input_layer)),
  );
  const isOne = rows * columns === 1; // then all in one plane
  const planes = isOne ? [0] : Array.from({ length: Math.min(KERNELS, maps) }, (_, one) => one);
  for (const one of planes) {
    const plane = isOne
      ? { values, start: 0, rows: Math.ceil(maps / 16), columns: Math.min(16, maps), largest }
      : { values, start: one * rows * columns, rows, columns, largest };
    const caption = isOne || maps === 1 ? "" : String(one);
    place.append(
      element(
        "figure",
        {},
        showOnce(plane, isOne ? "tiny strip" : "tiny"),
        element("figcaption", { text: caption }),
      ),
    );
  }
  if (planes.length < maps && !isOne) place.append(sub(words.moreMaps(maps - planes.length)));
}

/**
 * @param {HTMLElement} place
 * @param {Patches | null} found
 */
function showPatches(place, found) {
  place.replaceChildren(
    ...(found?.best ?? []).map((match) =>
      element(
        "figure",
        {},
        match.image
          ? patchImage(match)
          : element("span", { class: "excerpt", text: match.description }),
        match.sound ? playButton(match.sound, match.description) : "",
        element(
          "figcaption",
          {},
          `${number(match.value, 3)} `,
          element("bdi", { text: className(match.id) }),
        ),
      ),
    ),
  );
}

/** @param {PatchMatch} match */
function patchImage({ image, description }) {
  const isInk = state.walk?.data.kind === "drawings";
  const set = { src: image, alt: description, title: description };
  return element("img", { ...set, class: isInk ? "drawn" : null });
}

/**
 * A button that plays the sound around a patch.
 * @param {string} sound
 * @param {string} description
 */
function playButton(sound, description) {
  return element("button", {
    type: "button",
    class: "plain",
    text: words.playSign,
    "aria-label": words.playPatch(description),
    onclick: async () => (await import("app/sound_clip.js")).playClip(sound),
  });
}

/** The name of the class of a sample. @param {string} id */
function className(id) {
  const [, folder] = id.split("/");
  return state.project?.classes.find((one) => one.folder === folder)?.name ?? "";
}

/**
 * Say how many samples the map answers to, and which maps of its layer never do.
 * @param {HTMLElement} head
 * @param {HTMLElement} silent
 * @param {Layer[]} block
 * @param {number} map
 * @param {Activity | null} activity
 */
function showActivity(head, silent, block, map, activity) {
  const counts = block.map(({ name }) => activity?.maps[name]).find(Boolean);
  const answers = head.querySelector(".answers-to");
  if (answers)
    answers.textContent = counts
      ? words.answersTo(counts[map], activity?.samples ?? 0, kindNow())
      : "";
  const never = (counts ?? []).flatMap((count, one) => (count ? [] : [one]));
  silent.replaceChildren();
  if (!never.length) return;
  silent.append(
    element("b", { text: words.neverAnswer(never.length, block[0].name) }),
    ` ${words.toAny(kindNow(), never)} `,
  );
  const column = state.walk ? blocksOf(state.walk).findIndex(([one]) => one === block[0]) : -1;
  const left = (counts ?? []).length - never.length;
  if (block[0].word !== "conv" || left < 1) return;
  const press = () => tryFeatures(column, left);
  const text = words.tryFewer(left);
  silent.append(element("button", { type: "button", class: "link", text, onclick: press }));
}
