/** The interactive parts of the lessons, by the names that the lesson files give them. */

import { errorPart } from "app/learn/error_part.js";
import { featurePart } from "app/learn/feature_part.js";
import { namesOf, netPart } from "app/learn/net_part.js";
import { nudgePart } from "app/learn/nudge_part.js";
import { orderPart } from "app/learn/order_part.js";
import { swapPart } from "app/learn/swap_part.js";
import { knobPart } from "app/learn/trial_parts.js";
import { learnWords as words } from "app/words/learn.js";

/** The part that is shown before the prediction, too: the prediction is about what it shows. */
export const SWAP = "swap_seats";
/** @type {Record<string, import("app/learn/net_part.js").PartOptions>} */
const NET_PARTS = {
  move_drawing: { layers: ["input"], moves: true, overlap: true },
  worked_cell: {
    layers: ["input", "conv1"],
    flips: true,
    opens: ["conv1", words.openBrightest],
  },
  slide_kernel: { layers: ["input", "conv1"], moves: true, opens: ["conv1", words.openBrightest] },
  toggle_pooling: { layers: ["input", "relu1", "pool1", "pool2"], moves: true, counts: true },
  toggle_relu: { layers: ["conv1", "relu1", "pool1"] },
  open_cell: {
    layers: ["input", "conv1", "relu1", "pool1", "pool2"],
    opens: ["pool2", words.openLargest],
  },
  mute_map: { layers: ["input", "pool2"], mutes: "pool2" },
};

/**
 * An interactive part; null if there is none of this name.
 * @param {string} name
 * @param {Overview | null} overview
 * @param {() => Promise<unknown>} reload opens the lesson again
 */
export function partOf(name, overview, reload) {
  if (name === "place_feature") return featurePart(namesOf(overview));
  if (name === "error_table") return errorPart();
  if (name === "nudge_weight") return nudgePart();
  if (name === "turn_knob") return knobPart();
  if (name === "shuffle_columns") return orderPart();
  if (name === SWAP) return swapPart(overview, reload);
  return NET_PARTS[name] ? netPart(NET_PARTS[name], namesOf(overview)) : null;
}
