// <div data-calendar data-events="/url">: week, day and month; on a phone a list. The server answers ?start=…&end=… with
// [{"id", "title", "start", "end", "classNames": ["booked" | "full" | "past" | "cancelled"], "extendedProps": {"url"}}].
// Times are shown in data-zone, the reader's, wherever the device stands. Without JavaScript the slot of <c-calendar> is shown.
const isNarrow = matchMedia("(width < 56rem)");
const language = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang || "en-GB";
const HOUR = { hour: "2-digit", minute: "2-digit", hour12: false };
const WRONG = ["list", "listitem", "table", "rowgroup", "row", "cell", "gridcell", "columnheader", "rowheader", "aria-colindex", "aria-rowindex", "aria-colcount", "aria-rowcount", "aria-colspan", "aria-rowspan"];
const VIEWS = "dayGridMonth,timeGridWeek,timeGridDay,listWeek";

// "2026-11-24T17:00:00Z" as the clock on the wall of a zone shows it: the calendar takes times without an offset as they are.
function onTheWall(moment, zone) {
  if (!/(Z|[+-]\d\d:?\d\d)$/.test(moment)) return moment;
  const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
  return clock.format(new Date(moment)).replace(" ", "T");
}

async function load(place, { startStr, endStr }) {
  const address = new URL(place.dataset.events, location.href);
  address.searchParams.set("start", startStr);
  address.searchParams.set("end", endStr);
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`The calendar's events answered ${answer.status}.`);
  const found = await answer.json();
  const zone = place.dataset.zone;
  return zone ? found.map((one) => ({ ...one, start: onTheWall(one.start, zone), end: onTheWall(one.end, zone) })) : found;
}

// A true link, which keys, readers and the middle button understand.
function content({ event, timeText }) {
  const link = document.createElement(event.extendedProps.url ? "a" : "div");
  if (!event.extendedProps.url) link.setAttribute("role", "group");
  if (event.extendedProps.url) link.href = event.extendedProps.url;
  link.className = "session";
  link.title = event.title;
  const day = event.start.toLocaleDateString(language, { weekday: "long", day: "numeric", month: "long" });
  link.setAttribute("aria-label", `${event.title}, ${day} ${timeText}`);
  const [title, time] = ["b", "span"].map((name) => document.createElement(name));
  title.textContent = event.title;
  time.textContent = timeText;
  link.append(title, time);
  return { domNodes: [link] };
}

// The library calls itself a table or a list but holds no rows that a reader could follow; each link says its own day
// instead, and the days of the list are headings right below the page's.
function unsay(place) {
  for (const name of WRONG) {
    for (const part of place.querySelectorAll(name.startsWith("aria-") ? `[${name}]` : `[role=${name}]`)) {
      part.removeAttribute(name.startsWith("aria-") ? name : "role");
    }
  }
  for (const day of place.querySelectorAll("h4:not([aria-level])")) day.setAttribute("aria-level", "2");
  for (const hours of place.querySelectorAll(".ec-main:not([tabindex])")) {
    hours.tabIndex = 0;
    hours.setAttribute("aria-label", place.querySelector(".ec-title")?.textContent ?? "");
  }
}

function mount(place) {
  const words = place.dataset;
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const calendar = globalThis.EventCalendar.create(place, {
    view: isNarrow.matches ? "listWeek" : words.view,
    date: words.date || undefined,
    locale: language,
    firstDay: 1,
    allDaySlot: false,
    // The device's clock says nothing about the reader's zone when the two differ.
    nowIndicator: !words.zone || words.zone === here,
    slotMinTime: "06:00:00",
    slotMaxTime: "22:00:00",
    flexibleSlotTimeLimits: true,
    scrollTime: "08:00:00",
    slotHeight: 28,
    slotEventOverlap: false,
    displayEventEnd: false,
    height: isNarrow.matches ? "auto" : "46rem",
    headerToolbar: { start: "title", center: "", end: isNarrow.matches ? "today prev,next" : `${VIEWS} today prev,next` },
    buttonText: { today: words.today, dayGridMonth: words.month, timeGridWeek: words.week, timeGridDay: words.day, listWeek: words.list },
    noEventsContent: words.none,
    dayHeaderFormat: { weekday: "short", day: "numeric" },
    slotLabelFormat: HOUR,
    eventTimeFormat: HOUR,
    eventSources: [{ events: (range) => load(place, range) }],
    eventContent: content,
  });
  new MutationObserver(() => unsay(place)).observe(place, { subtree: true, childList: true, attributeFilter: ["role", "aria-colindex"] });
  unsay(place);
  isNarrow.addEventListener("change", () => calendar.setOption("view", isNarrow.matches ? "listWeek" : words.view));
  for (const [part, label] of [["prev", words.previous], ["next", words.next]]) {
    place.querySelector(`.ec-${part}`)?.setAttribute("aria-label", label);
  }
}

for (const place of document.querySelectorAll("[data-calendar]")) mount(place);
