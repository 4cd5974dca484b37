// <form data-auto-submit>: filters apply as they change, so the button "Show" is only for those without JavaScript.
// Every form: a second click while it is being sent does nothing.
for (const button of document.querySelectorAll("[data-auto-submit-button]")) button.hidden = true;

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-auto-submit]");
  if (form && event.target.type !== "search") form.requestSubmit();
});

let waiting = 0;
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-auto-submit]");
  if (!form || event.target.type !== "search" || !form.hasAttribute("hx-get")) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => form.requestSubmit(), 300);
});

// Enter asks at once, and only for what the page neither shows nor waits for: a second answer to the same words would
// close what a reader has opened in the first.
const asking = new WeakMap();
document.addEventListener(
  "submit",
  (event) => {
    const form = event.target;
    if (!form.matches("form[data-auto-submit][hx-get]")) return;
    clearTimeout(waiting);
    const asked = new URLSearchParams(new FormData(form)).toString();
    const shown = asking.get(form) ?? new URLSearchParams(location.search).toString();
    if (asked !== shown) {
      asking.set(form, asked);
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);
document.addEventListener("htmx:afterRequest", (event) => asking.delete(event.detail.elt));

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "dialog" || form.matches("[hx-get], [hx-post]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (form.method === "post") {
    form.dataset.sent = "yes";
    event.submitter?.setAttribute("aria-busy", "true");
  }
});
// Coming back by the browser's arrow: the form may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  }
});
