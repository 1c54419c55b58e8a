/** Questions to the server, with the token that it gave for the code of the link. */

const KEY = "piecewise token";
const WAIT = 300; // milliseconds until an open window of the same project answers
const channel = new BroadcastChannel("piecewise");
let token = sessionStorage.getItem(KEY) ?? "";

/** An answer that says why a question is refused. */
export class Refused extends Error {
  /**
   * @param {string} message
   * @param {number} status
   * @param {{ where?: string, now?: any }} [more] what it is about, and what a value is now that
   * another window has changed
   */
  constructor(message, status, { where, now } = {}) {
    super(message);
    this.status = status;
    this.where = where;
    this.now = now;
  }
}

/**
 * Trade the code in the address for the token; or take the token of another window of this server.
 * Whether there is a token.
 */
export async function enter() {
  const code = new URLSearchParams(location.hash.slice(1)).get("k");
  if (code) {
    history.replaceState(null, "", location.pathname);
    const body = JSON.stringify({ code });
    const response = await fetch("/api/enter", { method: "POST", body }).catch(() => null);
    if (response?.ok) keep((await response.json()).token);
  }
  if (!token) keep(await tokenOfOtherWindow());
  channel.addEventListener("message", ({ data }) => {
    if (data.wanted && token) channel.postMessage({ token });
  });
  return token !== "";
}

/** @param {string} given */
function keep(given) {
  token = given;
  if (given) sessionStorage.setItem(KEY, given);
}

/** Only windows of the same origin, which is this server, hear the question. */
function tokenOfOtherWindow() {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(""), WAIT);
    channel.addEventListener("message", ({ data }) => {
      if (!data.token) return;
      clearTimeout(timer);
      resolve(data.token);
    });
    channel.postMessage({ wanted: true });
  });
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object | Blob} [body] values, sent as JSON; or a file
 * @param {AbortSignal} [signal]
 */
export async function request(method, path, body, signal) {
  const response = await fetch(path, {
    method,
    signal,
    headers: { authorization: `Bearer ${token}` },
    body: body === undefined || body instanceof Blob ? body : JSON.stringify(body),
  });
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: undefined }));
  throw new Refused(error?.message ?? response.statusText, response.status, error);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object | Blob} [body]
 */
export async function ask(method, path, body) {
  return (await request(method, path, body)).json();
}

/**
 * A part of a path: any text.
 * @param {string} text
 */
export function part(text) {
  return encodeURIComponent(text);
}
