// Inside a frame on another site: says how tall it is and what became of it, to that site alone, and fills in what that
// site knows of its visitor. Nothing that is typed here is told to anybody.
const { host, event, service, at } = document.body.dataset;
const known = new URLSearchParams();

function tell(type, detail = {}) {
  if (host && window.parent !== window) window.parent.postMessage({ type, ...detail }, host);
}

function fill() {
  for (const [name, value] of known) {
    const field = document.querySelector(`form [name="${CSS.escape(name)}"]`);
    if (field && !field.value) field.value = value;
  }
}

window.addEventListener("message", (message) => {
  if (message.origin !== host || message.source !== window.parent || message.data?.type !== "tenpo:prefill") return;
  const { name, email, answers = {} } = message.data;
  for (const [field, value] of [["name", name], ["email", email], ...Object.entries(answers).map(([key, said]) => [`q-${key}`, said])]) {
    if (typeof value === "string" && value) known.set(field, value.slice(0, 1000));
  }
  fill();
});

document.addEventListener("click", (click) => {
  const link = click.target.closest("a[data-at]");
  if (!link) return;
  tell("tenpo:time-chosen", { service: link.dataset.service, startsAt: link.dataset.at });
  // After the #, so that it is sent to no server and stands in no log; the page takes it from there.
  if (link.target === "_blank" && known.size) link.hash = known.toString();
});

new ResizeObserver(() => tell("tenpo:resized", { height: Math.ceil(document.body.getBoundingClientRect().height) })).observe(document.body);
tell("tenpo:ready");
if (event) tell(event, { service, startsAt: at });
