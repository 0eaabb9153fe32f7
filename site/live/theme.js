// Light or dark: as the system has it, or as the reader chose, here or on the course's other pages.

const KEY = "theme";
const ORDER = ["auto", "light", "dark"];
const system = matchMedia("(prefers-color-scheme: dark)");

function kept() {
  try {
    return ORDER.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "auto";
  } catch {
    return "auto"; // a browser may keep nothing
  }
}

// `hear` is called with whether the page is dark, now and after each change.
export function followTheme(button, hear) {
  let theme = kept();
  const apply = () => {
    const dark = theme === "auto" ? system.matches : theme === "dark";
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    const name = theme === "auto" ? "system" : theme;
    button.textContent = `◐ ${name}`;
    button.setAttribute("aria-label", `Theme: ${name}`);
    hear(dark);
  };
  button.addEventListener("click", () => {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // then it holds until the page is left
    }
    apply();
  });
  system.addEventListener("change", apply);
  apply();
}
