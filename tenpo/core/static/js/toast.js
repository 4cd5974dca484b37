// Toasts leave by themselves after a while, unless they are errors, hold an act, or are being read.
const READ_MS = 6000;

function leave(toast) {
  toast.classList.add("leaving");
  setTimeout(() => toast.remove(), 200);
}

function start(toast) {
  const stays = toast.getAttribute("role") === "alert" || toast.querySelector("a, form, .link");
  let timer = stays ? 0 : setTimeout(leave, READ_MS, toast);
  const hold = () => clearTimeout(timer);
  const go = () => { if (!stays) timer = setTimeout(leave, READ_MS / 2, toast); };
  toast.addEventListener("pointerenter", hold);
  toast.addEventListener("pointerleave", go);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("focusout", go);
}

const place = document.getElementById("toasts");
for (const toast of place.querySelectorAll("[data-toast]")) start(toast);
new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) if (node.matches?.("[data-toast]")) start(node);
  }
}).observe(place, { childList: true });

document.addEventListener("click", (event) => {
  const closer = event.target.closest("[data-toast-close]");
  if (closer) leave(closer.closest("[data-toast]"));
});

// Other modules say: document.dispatchEvent(new CustomEvent("toast", { detail: { text, url, kind } })).
// A server answer to htmx may say HX-Trigger: {"toast": {"text": "…"}}.
document.addEventListener("toast", (event) => {
  const { text = "", url = "", kind = "success" } = event.detail ?? {};
  const toast = document.getElementById("toast-shape").content.firstElementChild.cloneNode(true);
  toast.classList.add(kind);
  if (kind === "error") toast.setAttribute("role", "alert");
  const words = toast.querySelector("p");
  if (url && new URL(url, location.href).origin === location.origin) {
    const link = document.createElement("a");
    link.href = url;
    link.textContent = text;
    words.replaceChildren(link);
  } else words.textContent = text;
  place.append(toast);
});
