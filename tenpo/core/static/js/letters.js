// <input data-most="300">: says below it when a text comes near what it may have, or is beyond. Nothing is cut.
const NEAR = 0.2;
const QUIET_MS = 400;
let waiting;

function say(field, note) {
  const most = Number(field.dataset.most);
  // As it is sent: each end of a line is two characters.
  const left = most - [...field.value.replace(/\r?\n/g, "\r\n")].length;
  note.hidden = left > most * NEAR;
  note.classList.toggle("over", left < 0);
  const words = left < 0 ? note.dataset.over : note.dataset.left;
  note.textContent = note.hidden ? "" : words.replace("{n}", Math.abs(left)).replace("{most}", most);
}

document.addEventListener("input", (event) => {
  const note = event.target.dataset.most && document.getElementById(`${event.target.id}_letters`);
  if (!note) return;
  clearTimeout(waiting);
  // Whoever hears the page hears it when they pause.
  waiting = setTimeout(() => say(event.target, note), QUIET_MS);
});
