// Tabs and days that are wider than the screen: the one we are on is brought into view.
for (const current of document.querySelectorAll(":is(.tabs, .day-strip) [aria-current]")) {
  const strip = current.parentElement;
  strip.scrollLeft = current.offsetLeft - strip.offsetLeft - (strip.clientWidth - current.clientWidth) / 2;
}
