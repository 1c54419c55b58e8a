/** Making elements, and numbers as text. Texts of the net and of files are never read as HTML. */

/**
 * An element with attributes and children; `onclick` and the like are listeners, `text` its text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, any>} [properties]
 * @param {(Node | string | null)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") made.textContent = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/**
 * The element of the page with an id.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`there is no element ${id}`);
  return found;
}

/**
 * A name that can be read: what is invisible, breaks a line or changes the direction of the text
 * becomes an escape, such as \\u202e.
 * @param {string} text
 */
export function readable(text) {
  const hidden = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;
  return text.replace(hidden, (one) => {
    const code = one.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    const name = "tn  r"[code - 9]?.trim();
    if (name) return `\\${name}`;
    return code < 256 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`;
  });
}

/** @param {number} fraction */
export function percent(fraction) {
  if (fraction > 0 && fraction < 0.001) return "< 0.1\u00a0%";
  if (fraction < 1 && fraction > 0.999) return "> 99.9\u00a0%";
  return `${(100 * fraction).toFixed(1)}\u00a0%`;
}

/** @param {number} count @param {string} one @param {string} many */
export function counted(count, one, many) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}
