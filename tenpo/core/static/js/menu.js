// <details data-menu>: arrows move, Escape and a click elsewhere close. Without JavaScript it opens and closes by itself.
const items = (menu) => [...menu.querySelectorAll(".menu-list :is(a, button):not([disabled])")];

function close(menu, { focus = false } = {}) {
  menu.open = false;
  if (focus) menu.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(event.target)) close(menu);
    else if (event.target.closest(".menu-list :is(a, [data-dialog])")) close(menu);
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details[data-menu]");
  if (!menu) return;
  const list = items(menu);
  const at = list.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at < 0 ? list.length - 1 : at - 1, Home: 0, End: list.length - 1 }[event.key];
  if (event.key === "Escape" && menu.open) {
    event.preventDefault();
    close(menu, { focus: true });
  } else if (to !== undefined && list.length) {
    event.preventDefault();
    menu.open = true;
    list[(to + list.length) % list.length].focus();
  }
});

document.addEventListener("focusout", (event) => {
  const menu = event.target.closest?.("details[data-menu][open]");
  if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) close(menu);
});
