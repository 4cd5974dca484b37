// "/" or Ctrl-K: find a person, a session, a payment, a page. Arrows choose, Enter opens.
const palette = document.getElementById("palette");
const input = palette.querySelector("input");
const found = palette.querySelector("#palette-found");
const places = found.innerHTML;

function open() {
  if (palette.open) return;
  palette.showModal();
  input.select();
}

function move(step) {
  const links = [...found.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement) + step;
  if (at < 0) input.focus();
  else links[Math.min(at, links.length - 1)]?.focus();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey)) {
    event.preventDefault();
    open();
  }
});
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-palette-open]")) {
    event.preventDefault();
    open();
  } else if (event.target === palette) palette.close();
});
palette.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    move(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Enter" && event.target === input && found.querySelector("a") && input.value.trim()) {
    event.preventDefault();
    found.querySelector("a").click();
  } else if (event.key.length === 1 && event.target !== input && !event.ctrlKey && !event.metaKey) {
    input.focus();
  }
});
input.addEventListener("input", () => {
  if (!input.value.trim()) found.innerHTML = places;
});
