// <form data-preview="/url" data-preview-target="#price">: asks the server what the typed values would mean, and shows it.
let waiting = 0;
let asked = 0;

async function preview(form) {
  const target = document.querySelector(form.dataset.previewTarget);
  const mine = ++asked;
  const query = new URLSearchParams([...new FormData(form)].filter(([name, value]) => name !== "csrfmiddlewaretoken" && typeof value === "string"));
  const answer = await fetch(`${form.dataset.preview}?${query}`, { headers: { "HX-Request": "true" } });
  if (mine !== asked || !(answer.ok || answer.status === 422)) return;
  target.innerHTML = await answer.text();
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-preview]");
  if (!form) return;
  clearTimeout(waiting);
  waiting = setTimeout(preview, 250, form);
});
