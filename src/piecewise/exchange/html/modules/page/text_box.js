/** A box to write a text in. */

import { clearAnswer, showAnswer } from "./answer.js";
import { element } from "./elements.js";

export function createTextBox() {
  const box = element("textarea", {
    id: "text",
    rows: 6,
    dir: "auto",
    spellcheck: "false",
    oninput: () => {
      if (box.value) showAnswer(piecewise.classify(box.value), box.value);
      else clearAnswer();
    },
  });
  return element("div", {}, element("label", { for: "text", text: "Text" }), box);
}
