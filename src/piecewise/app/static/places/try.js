/** Try: the mistakes first, then the confusion matrix; beside them one input at a time. */

import { issuesSection } from "app/try/issues.js";
import { Mistakes } from "app/try/mistakes.js";
import { Subject } from "app/try/subject.js";
import { element } from "piecewise/text.js";

export function tryPlace() {
  const mistakes = new Mistakes(
    (id, label) => subject.sample(id, label),
    (id, now) => subject.renamed(id, now, now ? mistakes.labelOf(now) : ""),
  );
  const open = (/** @type {string} */ id, /** @type {HTMLElement} */ button) =>
    mistakes.open(id, button);
  const subject = new Subject(open, mistakes.note, {
    relabel: (one) => mistakes.relabel(one),
    remove: () => mistakes.remove(),
    leave: () => mistakes.leave(),
    can: (id) => mistakes.can(id),
  });
  const checks = element(
    "div",
    { class: "checks" },
    mistakes.element,
    mistakes.confusion,
    mistakes.errors,
    issuesSection(open),
  );
  return {
    element: element("div", { class: "try" }, checks, subject.element),
    choose: (/** @type {ProjectClass} */ one) => {
      if (subject.isOwn) subject.keep.keep(one);
      else if (one.folder) mistakes.relabel(one);
    },
    undo: () => subject.keep.undo() || mistakes.undo() || subject.pad.undo(),
    keys: {
      j: () => mistakes.step(1),
      k: () => mistakes.step(-1),
      x: () => mistakes.remove(),
      t: () => mistakes.switchPart(),
      c: () => subject.pad.clear(),
    },
  };
}
