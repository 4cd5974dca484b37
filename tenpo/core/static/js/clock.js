// Times that move: <time data-relative> ("in 3 days") and <time data-countdown> (offers and holds, "4:59").
const language = document.documentElement.lang || "en";
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const DAY = 86400;
const UNITS = [["year", 31557600], ["month", 2629800], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];

function sayRelative(seconds) {
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size * 0.95) ?? ["second", 1];
  return unit === "second" ? relative.format(0, "second") : relative.format(Math.round(seconds / size), unit);
}

function sayLeft(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = String(Math.floor(seconds % 60)).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function tick() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-countdown]")) {
    const left = (Date.parse(time.dateTime) - Date.now()) / 1000;
    // Days are said by the server, in words: seconds would only fidget there.
    if (left < DAY) time.textContent = left > 0 ? sayLeft(left) : time.dataset.over;
    time.classList.toggle("soon", left > 0 && left < 300);
    time.classList.toggle("over", left <= 0);
    if (left <= 0 && !time.dataset.done) {
      time.dataset.done = "yes";
      time.dispatchEvent(new CustomEvent("countdown:over", { bubbles: true }));
    }
  }
}

function refresh() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-relative]")) {
    time.textContent = sayRelative((Date.parse(time.dateTime) - Date.now()) / 1000);
  }
}

setInterval(tick, 1000);
setInterval(refresh, 30000);
document.addEventListener("visibilitychange", () => { tick(); refresh(); });
document.addEventListener("htmx:load", tick);
tick();
