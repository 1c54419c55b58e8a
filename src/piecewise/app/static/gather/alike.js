/** Samples that are the same, or nearly: found by a job, when a person asks. */

import { loadThumbnails, showThumbnail } from "app/atlas.js";
import { choose, chooseNone } from "app/gather/selection.js";
import { jobPanel } from "app/jobs.js";
import { change } from "app/samples.js";
import { state, watch } from "app/store.js";
import { words } from "app/words/gather.js";
import { element } from "piecewise/text.js";

const SHOWN = 24; // pairs

/** A button that looks for them, and what was found. */
export function alike() {
  const box = element("div", { class: "alike", role: "status", hidden: true });
  let compared = ""; // the samples when it began
  const samples = () =>
    JSON.stringify(state.project?.classes.map(({ folder, revision }) => [folder, revision]));
  const begin = () => {
    compared = samples();
    return change("POST", "/api/alike", {});
  };
  const button = jobPanel("alike", words.findAlike, begin, show);
  /** @param {AlikeResult} result */
  async function show({ compared: of, same, near, findings }) {
    if (samples() !== compared) return; // they are others now
    const pairs = [...same.pairs, ...near.pairs].slice(0, SHOWN);
    if (state.project?.kind !== "texts") await loadThumbnails(pairs.flat());
    const count = same.count + near.count;
    box.hidden = false;
    box.replaceChildren(
      element("b", { text: words.alike(count, of) }),
      element("div", { class: "pairs" }, ...pairs.map((pair) => pairButton(pair))),
      element("ul", { class: "findings" }, ...findings.map((text) => element("li", { text }))),
      element(
        "div",
        { class: "row" },
        count
          ? element("button", {
              type: "button",
              text: words.chooseSecond,
              onclick: () => {
                chooseNone();
                choose(
                  [...same.pairs, ...near.pairs].map(([, second]) => second),
                  true,
                );
              },
            })
          : "",
        element("button", {
          type: "button",
          class: "plain",
          text: words.close,
          onclick: () => {
            box.hidden = true;
          },
        }),
      ),
    );
  }
  watch(["project"], () => {
    button.hidden = state.project?.is_empty ?? true;
    if (samples() !== compared) box.hidden = true;
  });
  return { button, box };
}

/** Two samples side by side; a click chooses the second. @param {[string, string]} pair */
function pairButton(pair) {
  const names = pair.map((id) => id.split("/").slice(1).join("/"));
  const shown = pair.map((id) => {
    const thumb = element("span", { class: "thumb" });
    showThumbnail(thumb, id);
    return thumb;
  });
  return element(
    "button",
    {
      type: "button",
      class: "pair",
      title: names.join(", "),
      "aria-label": words.chooseOf(names[0], names[1]),
      onclick: () => choose([pair[1]], true),
    },
    ...(state.project?.kind === "texts" ? [element("span", { text: names.join(" = ") })] : shown),
  );
}
