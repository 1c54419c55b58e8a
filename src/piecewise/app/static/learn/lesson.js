/** A lesson: a question, a prediction, and then a task, the result, a sentence and checks. */

import { checkSection } from "app/learn/check.js";
import { exampleSection } from "app/learn/example.js";
import { partOf, SWAP } from "app/learn/parts.js";
import { pixelTable } from "app/learn/pixels.js";
import { outcomeWords, predictionForm } from "app/learn/prediction.js";
import { pieces, texts } from "app/learn/runs.js";
import { whySection } from "app/learn/why.js";
import { learnWords as words } from "app/words/learn.js";
import { element } from "piecewise/text.js";

/**
 * What a lesson asks of the server.
 * @typedef {{
 *   predict: (answer: string | null) => Promise<string>,
 *   choose: (choice: number, words: string) => Promise<Why>,
 *   check: (check: string, number: number, answer: string | null) => Promise<Check | string>,
 *   example: (stage: number, number: number, answers: string[] | null) =>
 *     Promise<Example | string>,
 *   reload: () => Promise<unknown>,
 * }} Asks
 */

/**
 * @param {LessonData} lesson
 * @param {Overview | null} overview
 * @param {Asks} asks
 */
export function lessonElements(lesson, overview, asks) {
  const heading = element("h2", { class: "question", tabindex: "-1", text: lesson.question });
  const place = element("p", { class: "sub", text: words.lessonOf(lesson.number, lesson.of) });
  const { committed } = lesson;
  const before = [place, heading, ...texts(lesson.without), ...texts(lesson.intro)];
  if (!committed) {
    const drawing = lesson.pixels ? [pixelTable(lesson.pixels, words.yourDrawing)] : [];
    const part = lesson.part === SWAP ? [partOf(SWAP, overview, asks.reload)] : [];
    const form = predictionForm(lesson.predict, asks.predict);
    return [...before, ...drawing, form, ...part.flatMap((one) => one ?? [])];
  }
  const outcome = element("p", {
    class: "outcome",
    tabindex: "-1",
    text: outcomeWords(lesson.predict, committed),
  });
  const checks = committed.checks.map((one, i) =>
    checkSection(
      one,
      i ? words.home(i) : words.check,
      (number, answer) => asks.check(one.check, number, answer),
      (drawing) => overview?.learner.pixels[drawing],
    ),
  );
  return [
    ...before,
    element("section", { class: "predict" }, ...texts(lesson.predict.text), outcome),
    ...taskElements(lesson, committed, partOf(lesson.part, overview, asks.reload)),
    ...(lesson.has_example ? [exampleSection(asks.example)] : []),
    section("result", words.result, committed.result),
    element(
      "p",
      { class: "sentence" },
      ...committed.sentence.flatMap((runs) => runs.flatMap(pieces)),
    ),
    whySection(committed.why, asks.choose),
    ...checks,
    section("play", words.play, committed.play),
  ];
}

/**
 * The task with its interactive part, if there is one.
 * @param {LessonData} lesson
 * @param {Committed} committed
 * @param {HTMLElement | null} part
 */
function taskElements(lesson, { task }, part) {
  if (!part && !lesson.has_example) return [];
  return [section("task", words.task, task), ...(part ? [part] : [])];
}

/**
 * @param {string} name
 * @param {string} title
 * @param {Texts} paragraphs
 */
function section(name, title, paragraphs) {
  return element("section", { class: name }, element("h2", { text: title }), ...texts(paragraphs));
}
