/** Take away: the net in every format, pages to show, the lesson, and a card in plain words. */

import { ask, part } from "app/ask.js";
import { download } from "app/download.js";
import { jobPanel } from "app/jobs.js";
import { importButton } from "app/opening.js";
import { change } from "app/samples.js";
import { currentAttempt, kindNow, state, watch } from "app/store.js";
import { takeWords as words } from "app/words/take.js";
import { element } from "piecewise/text.js";

/** @typedef {{ name: string, title: string, refusal: string | null }} Format */
/** @typedef {{ toolkit: string, version: string | null, problem?: string, agrees?: boolean, largest_difference?: { probabilities: number } }} ToolkitRun */
/** @typedef {{ attempt: number, exports: Record<string, { runs: ToolkitRun[] }> }} ExportResult */

export function take() {
  const none = element("p", { class: "note", text: words.noNet });
  const sections = [netSection(), lessonSection(), pagesSection(), cardSection()];
  watch(["attempts", "project"], () => {
    none.hidden = state.attempts.length > 0;
    for (const section of sections) section.hidden = !none.hidden;
  });
  return {
    element: element(
      "div",
      { class: "take" },
      element("div", { class: "take-columns" }, none, ...sections, bringSection()),
    ),
  };
}

/**
 * @param {string} id
 * @param {string} title
 * @param {...(Node | null)} children
 */
function section(id, title, ...children) {
  const heading = element("h2", { id: `take-${id}`, text: title });
  return element(
    "section",
    { class: `take-${id}`, "aria-labelledby": heading.id },
    heading,
    ...children,
  );
}

/**
 * A file to save: its name, what it is, and a button.
 * @param {string} name
 * @param {string} about
 * @param {() => unknown} save
 * @param {...(Node | null)} more
 */
function fileRow(name, about, save, ...more) {
  const button = element("button", {
    type: "button",
    text: words.save,
    "aria-label": words.saveIt(name),
    onclick: save,
  });
  const text = element(
    "div",
    { class: "file-text" },
    element("b", { text: name }),
    element("span", { class: "sub", text: about }),
    ...more,
  );
  return element("li", { class: "file" }, text, button);
}

function netSection() {
  const list = element("ul", { class: "files" });
  const old = element("p", { class: "note" });
  const after = element("ul", { class: "files" });
  /** @type {ExportResult | null} */
  let found = null;
  let shown = "";
  const show = async () => {
    if (state.place !== "take" || !state.project?.attempt) return;
    old.textContent =
      found && found.attempt !== state.project.attempt ? words.ofAttempt(found.attempt) : "";
    const key = `${currentAttempt()?.parameters_sha256} ${found?.attempt}`;
    if (key === shown) return;
    shown = key;
    /** @type {{ formats: Format[] }} */
    const { formats } = await ask("GET", "/api/take");
    list.replaceChildren(
      fileRow(words.own, words.ownAbout, () => download("/api/take/net", "net.safetensors")),
      ...formats.map((one) => formatRow(one, found?.exports[one.name]?.runs)),
    );
  };
  watch(["project", "attempts", "place"], show);
  const check = jobPanel(
    "export",
    words.check,
    () => change("POST", "/api/export", {}),
    (result) => {
      found = result;
      after.replaceChildren(
        fileRow(words.everything, "", () => download("/api/export.zip", "export.zip")),
        fileRow(words.passport, words.passportNote, () =>
          download("/api/passport.html", "passport.html"),
        ),
      );
      show();
    },
  );
  return section(
    "net",
    words.net,
    element("p", { class: "note", text: words.netNote }),
    list,
    check,
    element("p", { class: "note", text: words.checkNote }),
    old,
    after,
  );
}

/**
 * @param {Format} format
 * @param {ToolkitRun[]} [runs]
 */
function formatRow({ name, title, refusal }, runs) {
  const about = words.about(name, kindNow());
  if (refusal)
    return element(
      "li",
      { class: "file refused-format" },
      element(
        "div",
        { class: "file-text" },
        element("b", { text: title }),
        element("span", { class: "sub", text: words.cannot(refusal) }),
      ),
    );
  const path = `/api/take/${part(name)}`;
  return fileRow(title, about, () => download(path, `${name}.zip`), ...verdicts(runs));
}

/**
 * What the programs answered that ran a format.
 * @param {ToolkitRun[]} [runs]
 */
function verdicts(runs) {
  if (!runs) return [];
  const ran = runs.filter(({ version }) => version !== null);
  if (!ran.length)
    return runs.length ? [element("span", { class: "sub", text: words.notRun })] : [];
  return ran.map(({ toolkit, version, agrees, problem, largest_difference: largest }) => {
    const name = `${toolkit} ${version}`;
    const text = agrees
      ? words.agrees(name, largest?.probabilities ?? 0)
      : words.differs(name, problem ?? "");
    return element("span", { class: agrees ? "agrees" : "problem", text });
  });
}

function pagesSection() {
  const report = fileRow(words.report, words.reportNote, () => {
    const walk = /** @type {AnswerData | undefined} */ (state.walk?.data)?.walk;
    download(`/api/take/report.html${walk ? `?walk=${walk}` : ""}`, "report.html");
  });
  const button = report.querySelector("button");
  watch(["walk"], () => {
    if (!button) return;
    button.disabled = !state.walk;
    button.title = state.walk ? "" : words.noAnswer;
  });
  const answers = fileRow(words.answers, words.answersNote, () =>
    download("/api/answers.html", "answers.html"),
  );
  return section("pages", words.pages, element("ul", { class: "files" }, report, answers));
}

function lessonSection() {
  const box = element("input", { type: "checkbox" });
  const code = element("code");
  const copy = element("button", { type: "button", text: words.copy });
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent ?? "");
    copy.textContent = words.copied;
  });
  watch(["project", "attempts"], () => {
    code.textContent = command();
    copy.textContent = words.copy;
  });
  return section(
    "lesson",
    words.lesson,
    element(
      "ul",
      { class: "files" },
      fileRow(
        words.project,
        words.projectNote,
        () =>
          download(`/api/take/project.zip?lessons=${box.checked ? "yes" : "no"}`, "project.zip"),
        element(
          "label",
          { class: "with-lessons" },
          box,
          element("span", { text: words.withLessons }),
        ),
        element("span", { class: "sub", text: words.withLessonsNote }),
      ),
      fileRow(words.recipe, words.recipeNote, () => download("/api/take/recipe.py", "recipe.py")),
      element(
        "li",
        { class: "file" },
        element(
          "div",
          { class: "file-text" },
          element("b", { text: words.command }),
          element("span", { class: "sub", text: words.commandNote }),
          element("pre", {}, code),
        ),
        copy,
      ),
    ),
  );
}

/** The thorough teaching as a command, with the knobs that a person turned. */
function command() {
  const { name = "project", settings = {} } = state.project ?? {};
  const words = ["piecewise", "train", quoted(`${name}.zip`), "-o", "net.safetensors"];
  if (settings.layers) words.push("--layers", quoted(settings.layers));
  for (const [knob, value] of Object.entries(settings.recipe ?? {}))
    if (typeof value === "number") words.push(`--${knob.replaceAll("_", "-")}`, String(value));
  return words.join(" ");
}

/** @param {string} text */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function cardSection() {
  const body = element("div", { class: "card-text" });
  watch(["project", "attempts"], () => {
    const attempt = currentAttempt();
    const { project } = state;
    if (!attempt || !project) return;
    const score = /** @type {(Score & { split?: string }) | null} */ (attempt.score);
    const names = project.classes.map(({ name }) => name);
    const sentences = [
      words.tells(names, project.kind),
      words.learned(project.kind, attempt.samples, attempt.losses.length),
      score ? words.scored(score) : words.unscored,
      words.limits,
      words.layers(attempt.layers),
    ];
    body.replaceChildren(...sentences.map((text) => element("p", { text })));
  });
  return section("card", words.card, body);
}

function bringSection() {
  return section(
    "bring",
    words.bring,
    element("p", { class: "note", text: words.openNote }),
    importButton(),
  );
}
