/** Light and dark: as the system says, until a person says otherwise. */

import { element } from "piecewise/text.js";

/** @param {() => void} changed */
export function themeButton(changed) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const button = element("button", { type: "button", class: "theme" });
  const tell = () => {
    button.textContent = isDark() ? "light" : "dark";
    button.setAttribute("aria-label", `Show this page ${isDark() ? "light" : "dark"}`);
    changed();
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    tell();
  });
  dark.addEventListener("change", tell);
  matchMedia("print").addEventListener("change", changed); // paper is light
  tell(); // which also paints all for the first time
  return button;
}
