/** Try: the mistakes first, then the confusion matrix; beside them one input at a time. */

import { issuesSection } from "app/try/issues.js";
import { Mistakes } from "app/try/mistakes.js";
import { Subject } from "app/try/subject.js";
import { element } from "piecewise/text.js";

export function tryPlace() {
  const subject = new Subject();
  const select = (/** @type {string} */ id, /** @type {string} */ label) =>
    subject.sample(id, label);
  const mistakes = new Mistakes(select, (id, now) => subject.renamed(id, now));
  const checks = element(
    "div",
    { class: "checks" },
    mistakes.element,
    mistakes.confusion,
    issuesSection(select),
  );
  return {
    element: element("div", { class: "try" }, checks, subject.element),
    choose: (/** @type {ProjectClass} */ one) => one.folder && mistakes.relabel(one),
    undo: () => mistakes.undo() || subject.pad.undo(),
    keys: {
      j: () => mistakes.step(1),
      k: () => mistakes.step(-1),
      x: () => mistakes.remove(),
      t: () => mistakes.switchPart(),
      c: () => subject.pad.clear(),
    },
  };
}
