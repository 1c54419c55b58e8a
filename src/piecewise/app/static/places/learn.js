/** Learn: the lessons, with the numbers of the learner's own drawings and nets. */

import { setView } from "app/address.js";
import { ask, part, Refused } from "app/ask.js";
import { contents } from "app/learn/contents.js";
import { lessonElements } from "app/learn/lesson.js";
import { state, update, watch } from "app/store.js";
import { learnWords as words } from "app/words/learn.js";
import { element } from "piecewise/text.js";

/**
 * Ask for a question, or answer it. A text says what is wrong with an answer.
 * @param {string} path
 * @param {Record<string, string | number>} values
 * @param {object | null} answer
 */
async function askOrAnswer(path, values, answer) {
  try {
    if (answer) return await ask("POST", path, { ...values, ...answer });
    const query = Object.entries(values).map(([name, value]) => `${name}=${part(String(value))}`);
    return await ask("GET", `${path}?${query.join("&")}`);
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}

export function learn() {
  const list = element("div", { class: "contents" });
  const page = element("article", { class: "lesson", "aria-label": words.lesson });
  const turns = element("nav", { class: "turns", "aria-label": words.turnPage });
  const text = element("div", { class: "lesson-column" }, page, turns);
  /** @type {Overview | null} */
  let overview = null;
  let shown = ""; // the lesson and the seed that are shown

  const seed = () => (/^\d{1,9}$/.test(state.view.seed ?? "") ? Number(state.view.seed) : 0);
  /** @param {string} name */
  const path = (name) => `/api/learn/${part(name)}`;

  /** @param {string} name @param {number} by */
  const neighbor = (name, by) => {
    const names = overview?.lessons.map(({ lesson }) => lesson) ?? [];
    return names[names.indexOf(name) + by];
  };
  /** @param {number} by */
  const turn = (by) => {
    const name = neighbor(state.view.lesson ?? "", by);
    if (name) setView({ lesson: name });
  };

  async function refresh() {
    overview = await ask("GET", "/api/learn");
    showContents();
  }
  function showContents() {
    if (!overview) return;
    const found = contents(overview, state.view.lesson ?? "", renew);
    list.replaceChildren(...found.filter((one) => one !== null));
  }
  async function renew() {
    overview = await ask("POST", "/api/learn", {});
    shown = "";
    await open();
  }

  /** @param {LessonData} lesson @param {string} focus what gets the focus */
  function show(lesson, focus) {
    const name = lesson.lesson;
    const found = lessonElements(lesson, overview, {
      predict: async (answer) => {
        try {
          show(await ask("POST", `${path(name)}/prediction`, { answer, seed: seed() }), ".outcome");
          await refresh();
          return "";
        } catch (error) {
          if (error instanceof Refused) return error.message;
          throw error;
        }
      },
      choose: (choice, own) =>
        ask("POST", `${path(name)}/reason`, { choice, words: own, seed: seed() }),
      check: (check, number, answer) => {
        const values = { check, number, seed: seed() };
        return askOrAnswer(`${path(name)}/check`, values, answer === null ? null : { answer });
      },
      reload: async () => {
        shown = "";
        await open();
      },
      example: (stage, number, answers) => {
        const values = { stage, number, seed: seed() };
        return askOrAnswer(`${path(name)}/example`, values, answers && { answers });
      },
    });
    page.replaceChildren(...found);
    turns.replaceChildren(
      ...[-1, 1].map((by) => {
        const other = neighbor(name, by);
        const set = { href: `#/learn/${other}`, text: by < 0 ? words.before : words.next };
        return other ? element("a", set) : element("span");
      }),
    );
    /** @type {HTMLElement | null} */
    const target = focus ? page.querySelector(focus) : null;
    target?.focus();
  }

  /** Show the lesson of the address, or the first that is not begun. */
  async function open() {
    if (state.place !== "learn" || state.connection !== "open") return;
    if (!overview) await refresh();
    const { lessons } = /** @type {Overview} */ (/** @type {unknown} */ (overview));
    const wanted = lessons.find(({ lesson }) => lesson === state.view.lesson);
    if (!wanted) {
      const first = lessons.find(({ is_begun: isBegun }) => !isBegun) ?? lessons[0];
      setView({ lesson: first.lesson }, false);
      return open();
    }
    showContents();
    const key = `${wanted.lesson} ${seed()}`;
    if (key === shown) return undefined;
    const isTurn = shown !== "";
    shown = key;
    const lesson = await ask("GET", `${path(wanted.lesson)}?seed=${seed()}`);
    if (shown === key) show(lesson, isTurn ? ".question" : "");
    if (isTurn) scrollTo(0, 0);
    return undefined;
  }
  /** Tell of newer drawings when the place is opened again. */
  const openAgain = () => {
    open().catch((error) => {
      shown = "";
      if (error instanceof Refused) update({ problem: error.message });
    });
  };
  watch(["view", "connection"], openAgain);
  watch(["place"], () => {
    openAgain();
    if (overview && state.place === "learn") refresh().catch(() => {});
  });
  return {
    element: element("div", { class: "learn" }, list, text),
    keys: { "[": () => turn(-1), "]": () => turn(1) },
  };
}
