/** The part that trains small nets on the drawings with other knobs. */

import { ask } from "app/ask.js";
import { partSection } from "app/learn/part_section.js";
import { learnWords as words } from "app/words/learn.js";
import { titledTable } from "piecewise/parts.js";
import { element } from "piecewise/text.js";

/** The values of each knob; the second one is that of the small net. @type {Record<string, number[]>} */
const KNOBS = { kernels: [2, 3, 6, 12], size: [3, 5, 7], poolings: [2, 1, 0] };
/** @type {Record<string, number>} */
const SMALL = { kernels: 3, size: 3, poolings: 2 };

/** A knob is turned, and nets are trained and scored; every trial stays in a table. */
export function knobPart() {
  const rows = element("tbody");
  const said = element("p", { class: "facts", role: "status" });
  const fields = Object.entries(KNOBS).map(([name, values]) => {
    const choice = element("select", { name });
    for (const value of values) choice.append(element("option", { value, text: value }));
    choice.value = String(SMALL[name]);
    return element("label", {}, element("span", { text: `${words.knobs[name]} ` }), choice);
  });
  const button = element("button", { text: words.trainTrial });
  const form = element("form", {}, element("div", { class: "row" }, ...fields, button));
  const run = async () => {
    button.disabled = true;
    const values = Object.fromEntries(
      [...new FormData(form)].map(([name, value]) => [name, Number(value)]),
    );
    const trial = await ask("POST", "/api/small-net/knob", values).catch(() => null);
    button.disabled = false;
    if (!trial) return;
    said.textContent = words.trial(trial.right, trial.drawings);
    rows.append(
      element(
        "tr",
        {},
        element("th", { scope: "row" }, element("code", { text: trial.layers })),
        element("td", { text: trial.parameters }),
        element("td", { text: words.ofAll(trial.right, trial.drawings) }),
      ),
    );
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  run(); // the small net as it is
  return partSection(
    words.turnKnob,
    form,
    said,
    titledTable({ class: "steps", "aria-label": words.trials }, words.trialHead, rows),
  );
}
