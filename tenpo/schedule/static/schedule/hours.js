// <form data-week>: the rows of from and until are the truth; the grid above them shows and changes them.
const STEP = 15;
const DAY = 24 * 60;
const USUAL = 60;
const form = document.querySelector("[data-week]");
const grid = form.querySelector("[data-week-grid]");
const said = form.querySelector("[data-week-said]");
const days = [...form.querySelectorAll("[data-day]")];
const columns = [];
const blocks = new Map();
let first = 6 * 60;
let last = 22 * 60;
let numbers = 1000;

const field = (row, name) => row.querySelector(`[name^="${name}_"]`);
const clock = (minutes) => `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
const minutesOf = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));
const snap = (minutes) => Math.round(minutes / STEP) * STEP;
const within = (value, low, high) => Math.min(Math.max(value, low), high);
const fill = (words, parts) => words.replace(/\{(\w+)\}/g, (_all, name) => parts[name]);
const unsaved = form.querySelector("[data-week-unsaved]");
const nameOf = (day) => days[day].dataset.name;

function read(row) {
  const [opens, closes] = [field(row, "opens").value, field(row, "closes").value];
  if (!opens || !closes) return null;
  // Where hours end, midnight is the end of the day.
  return { day: Number(field(row, "day").value), opens: minutesOf(opens), closes: minutesOf(closes) || DAY };
}

function write(row, hours) {
  if (hours) {
    field(row, "day").value = hours.day;
    field(row, "opens").value = clock(hours.opens);
    field(row, "closes").value = clock(hours.closes % DAY);
    const box = days[hours.day].querySelector(".week-rows");
    if (row.parentElement !== box) box.prepend(row);
  } else {
    for (const one of row.querySelectorAll("input:not([type=hidden])")) one.value = "";
  }
  row.classList.toggle("unused", !hours);
}

const rowsOf = (day) => [...days[day].querySelectorAll("[data-row]")];
const filled = (day) => rowsOf(day).map((row) => [row, read(row)]).filter(([, hours]) => hours).sort((a, b) => a[1].opens - b[1].opens);
const spoken = (hours) => `${clock(hours.opens)}–${clock(hours.closes)}`;
// What would be sent, as it can be compared: whoever takes a change back has nothing to save.
const NAMES = ["day", "opens", "closes", "place", "starts_on", "ends_on"];
const asked = () => days
  .flatMap((_one, day) => rowsOf(day).map((row) => NAMES.map((name) => field(row, name)?.value ?? "")))
  .filter(([, opens, closes]) => opens || closes).map(String).sort().join("\n");
let saved;
let isSent = false;
const say = (kind, hours) => { said.textContent = fill(form.dataset[kind], { day: nameOf(hours.day), hours: spoken(hours) }); };

function alike(one, other) {
  return ["place", "starts_on", "ends_on"].every((name) => (field(one, name)?.value ?? "") === (field(other, name)?.value ?? ""));
}

// A row that says nothing yet; one such always stays for the next.
function blank(day) {
  const row = rowsOf(day).find((one) => !field(one, "opens").value && !field(one, "closes").value);
  const found = row ?? days[day].querySelector("[data-row]");
  const copy = found.cloneNode(true);
  numbers -= 1;
  for (const one of copy.querySelectorAll("[name]")) {
    one.name = one.name.replace(/_\d+$/, `_${numbers}`);
    one.id = one.id.replace(/_\d+$/, `_${numbers}`);
  }
  for (const one of copy.querySelectorAll("[for]")) one.htmlFor = one.htmlFor.replace(/_\d+$/, `_${numbers}`);
  copy.querySelector("[data-remove-row]")?.remove();
  found.after(copy);
  if (row) {
    write(copy, null);
    dress(copy);
    return row;
  }
  write(copy, null);
  dress(copy);
  return copy;
}

// What overlaps or touches, in one place and the same weeks, is one.
function join(row) {
  let hours = read(row);
  if (!hours) return row;
  for (const [other, theirs] of filled(hours.day)) {
    if (other === row || !alike(row, other) || theirs.opens > hours.closes || theirs.closes < hours.opens) continue;
    hours = { ...hours, opens: Math.min(hours.opens, theirs.opens), closes: Math.max(hours.closes, theirs.closes) };
    write(other, null);
  }
  write(row, hours);
  return row;
}

function draw() {
  unsaved.hidden = saved === undefined || asked() === saved;
  for (const column of columns) {
    const all = filled(column.day);
    const words = all.map(([, hours]) => spoken(hours)).join(", ");
    column.element.setAttribute("aria-label", `${nameOf(column.day)}: ${words || form.dataset.none}`);
  }
  for (const [row, block] of blocks) if (!row.isConnected || !read(row)) { block.remove(); blocks.delete(row); }
  for (const column of columns) {
    for (const [row, hours] of filled(column.day)) {
      const block = blocks.get(row) ?? make(row);
      if (block.parentElement !== column.element) column.element.append(block);
      const place = field(row, "place");
      const where = place?.value ? place.selectedOptions[0].text : "";
      const weeks = Boolean(field(row, "starts_on")?.value || field(row, "ends_on")?.value);
      block.style.top = `${((hours.opens - first) / (last - first)) * 100}%`;
      block.style.height = `${((hours.closes - hours.opens) / (last - first)) * 100}%`;
      block.querySelector("span").textContent = spoken(hours);
      block.querySelector("small").textContent = [where, weeks ? form.dataset.someWeeks : ""].filter(Boolean).join(" · ");
      block.classList.toggle("some-weeks", weeks);
      block.setAttribute("aria-label", [nameOf(hours.day), spoken(hours), where || form.dataset.everywhere, weeks ? form.dataset.someWeeks : ""].filter(Boolean).join(", "));
    }
  }
}

function make(row) {
  const block = document.createElement("button");
  block.type = "button";
  block.className = "week-block";
  block.append(document.createElement("span"), document.createElement("small"));
  for (const end of ["start", "end"]) {
    const grip = document.createElement("i");
    grip.className = end;
    block.append(grip);
  }
  blocks.set(row, block);
  block.addEventListener("keydown", (event) => keyed(event, row));
  block.addEventListener("pointerdown", (event) => drag(event, row, event.target.className || "move"));
  return block;
}

function add(day, opens, closes) {
  const row = blank(day);
  write(row, { day, opens, closes });
  return row;
}

// The first free hour of a day, from nine o'clock on, then before.
function free(day) {
  const all = filled(day).map(([, hours]) => hours);
  for (const from of [9 * 60, 0]) {
    for (let opens = from; opens + USUAL <= DAY; opens += STEP) {
      if (all.every((hours) => opens > hours.closes || opens + USUAL < hours.opens)) return opens;
    }
  }
  return null;
}

function keyed(event, row) {
  const hours = read(row);
  const step = { ArrowUp: -STEP, ArrowDown: STEP }[event.key];
  const aside = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === "Delete" || event.key === "Backspace") {
    write(row, null);
    say("removed", hours);
    draw();
    columns[hours.day].element.focus();
  } else if (step && event.shiftKey) {
    change(row, { ...hours, closes: within(hours.closes + step, hours.opens + STEP, DAY) });
  } else if (step) {
    const opens = within(hours.opens + step, 0, DAY - (hours.closes - hours.opens));
    change(row, { ...hours, opens, closes: opens + hours.closes - hours.opens });
  } else if (aside) {
    change(row, { ...hours, day: (hours.day + aside + 7) % 7 });
  } else if (event.key === "Enter" || event.key === " ") {
    form.querySelector("[data-week-list]").open = true;
    (field(row, "place") ?? field(row, "opens")).focus();
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

function change(row, hours) {
  write(row, hours);
  say("moved", hours);
  stretch();
  draw();
  blocks.get(row)?.focus();
}

function drag(event, row, mode) {
  if (event.button) return;
  event.stopPropagation();
  const start = read(row);
  const block = blocks.get(row);
  const column = columns[start.day].element;
  const at = (one) => first + ((one.clientY - column.getBoundingClientRect().top) / column.clientHeight) * (last - first);
  const grabbed = at(event);
  let moved = false;
  const move = (one) => {
    const by = snap(at(one) - grabbed);
    let hours = { ...start };
    if (mode === "start") hours.opens = within(start.opens + by, 0, start.closes - STEP);
    else if (mode === "end") hours.closes = within(start.closes + by, start.opens + STEP, DAY);
    else {
      const length = start.closes - start.opens;
      hours.opens = within(start.opens + by, 0, DAY - length);
      hours.closes = hours.opens + length;
      const over = columns.find(({ element }) => { const box = element.getBoundingClientRect(); return one.clientX >= box.left && one.clientX < box.right; });
      if (over) hours.day = over.day;
    }
    const now = read(row);
    if (now.day === hours.day && now.opens === hours.opens && now.closes === hours.closes) return;
    moved = true;
    write(row, hours);
    block.classList.add("dragged");
    draw();
  };
  const end = () => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
    block.classList.remove("dragged");
    join(row);
    if (moved) say("moved", read(row));
    draw();
    blocks.get(row)?.focus();
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}

function dress(row) {
  const remove = document.createElement("button");
  remove.type = "button";
  remove.className = "button quiet small icon-only";
  remove.dataset.removeRow = "";
  remove.setAttribute("aria-label", form.dataset.remove);
  remove.textContent = "×";
  remove.addEventListener("click", () => {
    const hours = read(row);
    write(row, null);
    if (hours) say("removed", hours);
    draw();
    row.closest("[data-day]").querySelector("[data-add-row]").focus();
  });
  row.querySelector(".hours-times").after(remove);
}

function stretch() {
  const all = days.flatMap((_one, day) => filled(day).map(([, hours]) => hours));
  const from = Math.min(6 * 60, ...all.map((hours) => Math.floor(hours.opens / 60) * 60));
  const until = Math.max(22 * 60, ...all.map((hours) => Math.ceil(hours.closes / 60) * 60));
  if (from === first && until === last && grid.style.getPropertyValue("--hours")) return;
  [first, last] = [from, until];
  grid.style.setProperty("--hours", (last - first) / 60);
  const clocks = grid.querySelector(".week-clock");
  clocks.replaceChildren();
  for (let hour = first / 60 + 1; hour < last / 60; hour += 1) {
    const mark = document.createElement("span");
    mark.textContent = clock(hour * 60);
    mark.style.top = `${((hour * 60 - first) / (last - first)) * 100}%`;
    clocks.append(mark);
  }
}

function build() {
  grid.append(document.createElement("span"));
  for (const day of days) {
    const head = document.createElement("span");
    head.className = "week-head";
    head.textContent = new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "short", timeZone: "UTC" }).format(Date.UTC(2024, 0, 1 + Number(day.dataset.day)));
    head.setAttribute("aria-hidden", "true");
    grid.append(head);
  }
  const clocks = document.createElement("div");
  clocks.className = "week-clock";
  clocks.setAttribute("aria-hidden", "true");
  grid.append(clocks);
  for (const [day] of days.entries()) {
    const element = document.createElement("div");
    element.className = "week-column";
    element.tabIndex = 0;
    element.setAttribute("role", "group");
    element.addEventListener("keydown", (event) => {
      if (event.target !== element) return;
      const aside = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Enter" || event.key === " ") {
        const opens = free(day);
        if (opens === null) said.textContent = form.dataset.noRoom;
        else { const row = join(add(day, opens, opens + USUAL)); say("added", read(row)); draw(); blocks.get(row).focus(); }
      } else if (aside) columns[(day + aside + 7) % 7].element.focus();
      else if (event.key === "ArrowDown") element.querySelector("button")?.focus();
      else return;
      event.preventDefault();
    });
    element.addEventListener("pointerdown", (event) => {
      if (event.button || event.target !== element) return;
      const place = first + ((event.clientY - element.getBoundingClientRect().top) / element.clientHeight) * (last - first);
      const opens = within(Math.floor(place / STEP) * STEP, 0, DAY - STEP);
      event.preventDefault();
      const row = add(day, opens, Math.min(opens + USUAL, DAY));
      say("added", read(row));
      draw();
      drag(event, row, "end");
    });
    columns.push({ day, element });
    grid.append(element);
  }
}

build();
for (const day of days) {
  for (const row of day.querySelectorAll("[data-row]")) {
    dress(row);
    row.classList.toggle("unused", !field(row, "opens").value && !field(row, "closes").value && !row.classList.contains("wrong"));
  }
  const more = document.createElement("button");
  more.type = "button";
  more.className = "button quiet small week-add";
  more.dataset.addRow = "";
  more.textContent = `+ ${form.dataset.addShort}`;
  more.setAttribute("aria-label", fill(form.dataset.add, { day: day.dataset.name }));
  more.addEventListener("click", () => {
    const row = blank(Number(day.dataset.day));
    row.classList.remove("unused");
    field(row, "opens").focus();
  });
  day.querySelector(".week-rows").append(more);
}
form.addEventListener("change", () => { stretch(); draw(); });
form.classList.add("scripted");
grid.hidden = false;
form.querySelector("[data-week-help]").hidden = false;
const list = form.querySelector("[data-week-list]");
const wide = matchMedia("(width >= 56rem)");
const settle = () => { list.open = !wide.matches || Boolean(form.querySelector(".wrong")); };
wide.addEventListener("change", settle);
settle();
stretch();
// What was refused is not saved, though it stands here.
saved = form.querySelector(".wrong, [role=alert]") ? null : asked();
draw();
form.addEventListener("submit", () => { isSent = true; });
addEventListener("pageshow", () => { isSent = false; });
addEventListener("beforeunload", (event) => { if (!isSent && asked() !== saved) event.preventDefault(); });
