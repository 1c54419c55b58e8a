/** Light and dark theme: the setting of the system, until the button is used. */

import { element } from "piecewise/text.js";

/** @param {() => void} changed */
export function themeButton(changed) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const button = element("button", { type: "button", class: "theme" });
  const update = () => {
    button.textContent = isDark() ? "light" : "dark";
    button.setAttribute("aria-label", `Show this page ${isDark() ? "light" : "dark"}`);
    changed();
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    update();
  });
  dark.addEventListener("change", update);
  matchMedia("print").addEventListener("change", changed); // paper is light
  update(); // this also paints all planes for the first time
  return button;
}
