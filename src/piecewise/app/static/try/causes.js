/** Which samples caused an answer: nets are trained without each of them, as a job. */

import { jobPanel } from "app/jobs.js";
import { change } from "app/samples.js";
import { tile } from "app/try/tile.js";
import { tryWords as words } from "app/words/try.js";
import { element } from "piecewise/text.js";

const SHOWN = 8;

/** @typedef {{ id: string, probability: number, predicted: string, label_probability: number, is_clear: boolean }} FoundInfluence */
/** @typedef {{ answer: string, label: string, own: number, probability: number, reproduced: boolean, influences: FoundInfluence[] }} FoundCauses */

/** @param {(id: string, button: HTMLElement) => void} open shows a sample */
export function causesBox(open) {
  const choice = element("select", { "aria-label": words.rightAnswer });
  const list = element("div", { role: "status" });
  let walk = 0;
  const begin = async () => {
    list.replaceChildren();
    await change("POST", "/api/influence", { walk, expected: choice.value });
  };
  const panel = jobPanel("influence", words.find, begin, (found) =>
    list.replaceChildren(...findings(found, open)),
  );
  const box = element(
    "details",
    { class: "causes" },
    element("summary", { text: words.causes }),
    element("p", { class: "note", text: words.causesNote }),
    element("p", {}, `${words.rightAnswer} `, choice),
    panel,
    list,
  );
  /**
   * @param {Walk} answered
   * @param {string} label of the sample; without one, the second answer is offered
   */
  const about = ({ data }, label) => {
    const number = /** @type {AnswerData} */ (data).walk;
    if (number !== walk) list.replaceChildren();
    walk = number;
    const names = data.order.map((index) => data.classes[index]);
    choice.replaceChildren(...names.map((name) => element("option", { value: name, text: name })));
    choice.value = names.includes(label) ? label : (names[1] ?? names[0]);
  };
  return { element: box, about };
}

/**
 * @param {FoundCauses} found
 * @param {(id: string, button: HTMLElement) => void} open
 */
function findings({ answer, label, own, probability, reproduced, influences }, open) {
  if (!reproduced) return [element("p", { text: words.notReproduced(answer) })];
  const rows = influences
    .slice(0, SHOWN)
    .map(({ id, probability: without, predicted }) =>
      element(
        "figure",
        { class: "match" },
        tile(id, 48, open),
        element("figcaption", { text: words.without(without, predicted !== answer, predicted) }),
      ),
    );
  const head = element("p", { text: words.before(label, own, probability) });
  const note = probability > 0.95 ? element("p", { class: "note", text: words.noCause }) : "";
  return [head, note, element("div", { class: "neighbors" }, ...rows)];
}
