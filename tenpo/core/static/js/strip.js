// Tabs and days that are wider than the screen: the one we are on is brought into view.
function show(root) {
  for (const current of root.querySelectorAll(":is(.tabs, .day-strip, .pick-among) > [aria-current]")) {
    const strip = current.parentElement;
    strip.scrollLeft = current.offsetLeft - strip.offsetLeft - (strip.clientWidth - current.clientWidth) / 2;
  }
}

show(document);
document.addEventListener("htmx:afterSettle", (event) => show(event.target));
