/**
 * The places of the page. Each is loaded when a person first opens it, or before that, while the
 * browser has nothing to do.
 */

import { state, watch } from "app/store.js";
import { withStyle } from "app/styles.js";
import { element } from "piecewise/text.js";

/** @type {Record<PlaceName, () => Promise<Place>>} */
const LOADERS = {
  gather: async () => (await withStyle("gather", import("app/places/gather.js"))).gather(),
  look: async () => (await import("app/places/look.js")).look(),
  try: async () => (await withStyle("try", import("app/places/try.js"))).tryPlace(),
  learn: async () => (await withStyle("learn", import("app/places/learn.js"))).learn(),
  take: async () => (await withStyle("take", import("app/places/take.js"))).take(),
};
/** In the order of the menu. */
export const PLACES = /** @type {PlaceName[]} */ (Object.keys(LOADERS));
/** The places that are loaded. @type {Partial<Record<PlaceName, Place>>} */
export const loaded = {};
/** @type {Map<PlaceName, Promise<void>>} */
const loading = new Map();
const main = element("main");

/** The element that holds all places and shows the one that is open. */
export function placesElement() {
  watch(["place", "connection"], show); // what could not be loaded is loaded after an interruption
  return main;
}

/** Show the open place as soon as it is loaded. */
async function show() {
  hide();
  await load(state.place);
  hide();
  dispatchEvent(new Event("resize"));
}

function hide() {
  for (const name of PLACES) {
    const place = loaded[name];
    if (place) place.element.hidden = state.place !== name;
  }
}

/** Load a place, unless it is there. @param {PlaceName} name */
export function load(name) {
  const known = loading.get(name);
  if (known) return known;
  const made = LOADERS[name]().then(
    (place) => {
      loaded[name] = place;
      place.element.hidden = state.place !== name;
      main.append(place.element);
    },
    (error) => {
      loading.delete(name);
      throw error;
    },
  );
  loading.set(name, made);
  return made;
}

/** Load all places, one after another, while the browser has nothing to do. */
export async function loadAll() {
  for (const name of PLACES) {
    await new Promise((resolve) => whenIdle(() => resolve(undefined)));
    await load(name);
  }
}

/** Not every browser tells when it has nothing to do. @param {() => void} act */
function whenIdle(act) {
  if ("requestIdleCallback" in globalThis) requestIdleCallback(act);
  else setTimeout(act, 200);
}
