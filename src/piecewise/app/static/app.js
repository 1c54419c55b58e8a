/** The app: the frame of the page, its places and keys, and the news of the server. */

import { listenToAddress, setView } from "app/address.js";
import { ask, enter } from "app/ask.js";
import { frame } from "app/frame.js";
import { heardJob } from "app/jobs.js";
import { listenToKeys } from "app/keys.js";
import { askAgain } from "app/live.js";
import { listen } from "app/news.js";
import { load, loadAll, PLACES } from "app/places.js";
import { sendPending } from "app/samples.js";
import { state, update, watch } from "app/store.js";
import { words } from "app/words/en.js";
import { element } from "piecewise/text.js";

async function start() {
  if (!(await enter())) {
    locked();
    return;
  }
  listenToAddress(PLACES);
  const { top, main, tabs, help } = frame();
  document.body.append(...top, main, tabs, help);
  listenToKeys(help);
  watch(["project"], () => {
    if (state.project) document.title = words.title(state.project.name);
  });
  let last = Promise.resolve(); // the news are heard one after another
  /** @param {any} news */
  const inTurn = (news) => {
    last = last.then(() => heard(news)).catch(() => {}); // the next hello brings all
  };
  await listen(inTurn, (connection) => {
    if (connection === "locked") locked();
    update({ connection });
    if (connection === "open" && state.project) cameBack();
  });
}

/** The page has no token, or the program does not know it. */
function locked() {
  document.body.replaceChildren(
    element(
      "main",
      { class: "locked" },
      element("h1", { text: words.locked }),
      element("p", { text: words.unlock }),
    ),
  );
  document.documentElement.dataset.ready = "locked";
}

/** The server answers again: it gets what waited for it, and is asked what is asked about. */
function cameBack() {
  sendPending();
  askAgain();
}

/** @param {any} news */
async function heard(news) {
  switch (news.type) {
    case "beat":
    case "resync": // what was missed is not known any more; all that there is follows
      return;
    case "hello":
      update({
        project: news,
        teaching: news.teaching,
        thorough: news.thorough,
        importing: news.importing,
      });
      news.jobs.forEach(heardJob);
      await Promise.all([readAttempts(), load(state.place)]);
      document.documentElement.dataset.ready = "";
      rest ??= loadRest();
      cameBack();
      return;
    case "project":
      update({ project: news });
      return;
    case "problems":
      if (state.project) update({ project: { ...state.project, unread: news.messages } });
      if (news.messages.length) update({ teaching: news });
      return;
    case "import":
      update({ importing: news });
      return;
    case "taught":
      return taught(news);
    case "score":
      if (news.attempt !== state.project?.attempt) return taught(news);
      update({ teaching: news, attempts: state.attempts.map((one) => scored(one, news)) });
      return;
    case "thorough":
      if (news.state === "done") await readAttempts();
      update({ thorough: news });
      return;
    case "job":
      heardJob(news);
      return;
    default:
      update({ teaching: news });
  }
}

/**
 * Another net answers from now on.
 * @param {News} news
 */
async function taught(news) {
  const { project } = state;
  if (project?.attempt !== news.attempt) update({ muted: [] }); // its maps are others
  if (Number(state.view.attempt) !== news.attempt) setView({ attempt: null }, false);
  if (project) update({ project: { ...project, attempt: news.attempt ?? null } });
  await readAttempts();
  update({ teaching: news });
  askAgain();
}

/**
 * @param {Attempt} one
 * @param {{ attempt: number, score: Score }} news
 */
function scored(one, { attempt, score }) {
  return one.number === attempt ? { ...one, score } : one;
}

/** @type {Promise<void> | undefined} */
let rest;

/** Load what a person does not see at first: the bar of imports, and all places. */
async function loadRest() {
  const { importBar } = await import("app/gather/import_bar.js");
  document.querySelector("main")?.before(...importBar());
  await loadAll();
}

async function readAttempts() {
  const { attempts } = await ask("GET", "/api/attempts");
  update({ attempts });
}

start();
