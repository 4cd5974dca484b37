// Light, dark, or like the device. The server reads the cookie and writes data-theme, so nothing flashes.
const YEAR = 60 * 60 * 24 * 365;

function show(theme) {
  for (const button of document.querySelectorAll("[data-theme-set]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeSet === theme));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-set]");
  if (!button) return;
  const theme = button.dataset.themeSet;
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  const only = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `${document.documentElement.dataset.themeCookie}=${theme}; path=/; max-age=${theme ? YEAR : 0}; samesite=lax${only}`;
  show(theme);
});
show(document.documentElement.dataset.theme ?? "");
