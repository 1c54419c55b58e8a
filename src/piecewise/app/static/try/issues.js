/** Labels that may be wrong: a job that looks for them, and the samples that it found. */

import { jobPanel } from "app/jobs.js";
import { change } from "app/samples.js";
import { tile } from "app/try/tile.js";
import { tryWords as words } from "app/words/try.js";
import { element } from "piecewise/text.js";

/** @typedef {{ name: string, label: string, predicted: string, error_probability: number }} FoundIssue */

/** @param {(id: string, button: HTMLElement) => void} open shows a sample */
export function issuesSection(open) {
  const list = element("div", { class: "examples", role: "group", "aria-label": words.issues });
  const summary = element("p", { role: "status" });
  const begin = () => change("POST", "/api/label-issues", {});
  /** @param {{ judged: number, count: number, issues: FoundIssue[] }} found */
  const show = ({ judged, count, issues }) => {
    summary.textContent = words.issuesFound(count, judged);
    list.replaceChildren(
      ...issues.map(({ name, label, predicted, error_probability: wrong }) =>
        element(
          "figure",
          { class: "match" },
          tile(name, 72, open),
          element("figcaption", { text: words.issue(label, predicted, wrong) }),
        ),
      ),
    );
  };
  return element(
    "section",
    { class: "try-issues", "aria-labelledby": "try-issues" },
    element("h2", { id: "try-issues", text: words.issues }),
    element("p", { class: "note", text: words.issuesNote }),
    jobPanel("label-issues", words.findIssues, begin, show),
    summary,
    list,
  );
}
