// <form data-confirm="Cancel this session?" data-confirm-effect="14 people will be told, €168 goes back as credit."
//       data-confirm-yes="Cancel the session">: asks once, with the effect in numbers. Works for htmx buttons too (hx-confirm).
const dialog = document.querySelector("[data-confirm-dialog]");
const part = (name) => dialog.querySelector(`[data-confirm-${name}]`);
const words = { title: part("title").textContent, yes: part("yes").textContent };

function ask(source, question) {
  part("title").textContent = question || words.title;
  part("effect").textContent = source.dataset.confirmEffect ?? "";
  part("effect").hidden = !source.dataset.confirmEffect;
  part("yes").textContent = source.dataset.confirmYes || words.yes;
  // Red is for what takes something away; data-confirm-calm is for what only wants a second look.
  part("yes").classList.toggle("danger", !("confirmCalm" in source.dataset));
  dialog.showModal();
  part("no").focus();
  return new Promise((resolve) => {
    const end = new AbortController();
    const finish = (answer) => {
      end.abort();
      if (dialog.open) dialog.close();
      resolve(answer);
    };
    part("yes").addEventListener("click", () => finish(true), { signal: end.signal });
    part("no").addEventListener("click", () => finish(false), { signal: end.signal });
    dialog.addEventListener("close", () => finish(false), { signal: end.signal });
  });
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.confirm || form.dataset.confirmed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const submitter = event.submitter;
  if (!(await ask(form, form.dataset.confirm))) return;
  form.dataset.confirmed = "yes";
  form.requestSubmit(submitter);
  delete form.dataset.confirmed;
}, { capture: true });

document.addEventListener("htmx:confirm", async (event) => {
  if (!event.detail.question) return;
  event.preventDefault();
  if (await ask(event.detail.elt, event.detail.question)) event.detail.issueRequest(true);
});
