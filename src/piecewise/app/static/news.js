/** The news of the server: lines of JSON, read as long as the page is seen. */

import { Refused, request } from "app/ask.js";

const LONGEST_WAIT = 15; // seconds between attempts to reach the server

/**
 * Read news for ever; after an interruption again.
 * @param {(news: any) => void} heard
 * @param {(connection: Connection) => void} changed
 */
export async function listen(heard, changed) {
  let wait = 1;
  /** The number of the last news, so that only those after it are asked for. */
  let seen = 0;
  const hear = (/** @type {any} */ news) => {
    seen = news.seq ?? seen;
    heard(news);
  };
  for (;;) {
    await untilSeen();
    const abort = new AbortController();
    const hide = () => document.hidden && abort.abort();
    document.addEventListener("visibilitychange", hide);
    const path = seen ? `/api/news?since=${seen}` : "/api/news";
    try {
      const response = await request("GET", path, undefined, abort.signal);
      wait = 1;
      changed("open");
      await read(response, hear);
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return changed("locked");
    } finally {
      document.removeEventListener("visibilitychange", hide);
    }
    if (abort.signal.aborted) continue;
    changed("gone");
    await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
    wait = Math.min(LONGEST_WAIT, 2 * wait);
  }
}

/**
 * @param {Response} response
 * @param {(news: any) => void} heard
 */
async function read(response, heard) {
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let rest = "";
  for (;;) {
    const { value, done } = (await reader?.read()) ?? { value: undefined, done: true };
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) heard(JSON.parse(line));
  }
}

/** Until the page is not hidden. */
function untilSeen() {
  return new Promise((resolve) => {
    const check = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", check);
      resolve(undefined);
    };
    document.addEventListener("visibilitychange", check);
    check();
  });
}
