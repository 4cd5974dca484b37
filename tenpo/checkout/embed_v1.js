// Tenpo's booking on your site, version 1. One tag: <script src="…/embed/v1.js" data-embed="…" async></script>
// data-mode: inline (default), popup (a button here), button (one that floats). Events: tenpo:ready, tenpo:resized,
// tenpo:time-chosen, tenpo:booked, on the document. It sets no cookie and reads nothing of the page but its own tag.
(() => {
  const script = document.currentScript;
  if (!script || !script.dataset.embed) return;
  const home = new URL(script.src).origin;
  const { embed, mode = "inline", label = "Book a time", name, email } = script.dataset;
  const answers = {};
  for (const { name: attribute, value } of script.attributes) {
    if (attribute.startsWith("data-answer-")) answers[attribute.slice(12)] = value;
  }
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const query = new URLSearchParams({ host: location.origin, zone });
  const frame = document.createElement("iframe");
  frame.title = label;
  frame.referrerPolicy = "origin";
  frame.allow = "clipboard-write";
  Object.assign(frame.style, { width: "100%", border: "0", height: "420px", colorScheme: "normal" });
  const show = () => {
    if (!frame.src) frame.src = `${home}/embed/${encodeURIComponent(embed)}/?${query}`;
  };

  window.addEventListener("message", (message) => {
    if (message.origin !== home || message.source !== frame.contentWindow) return;
    const { type, height, ...detail } = message.data || {};
    if (typeof type !== "string" || !type.startsWith("tenpo:")) return;
    if (type === "tenpo:resized" && height > 0) frame.style.height = `${Math.min(height, 4000)}px`;
    if (type === "tenpo:ready" && (name || email || Object.keys(answers).length)) {
      frame.contentWindow.postMessage({ type: "tenpo:prefill", name, email, answers }, home);
    }
    document.dispatchEvent(new CustomEvent(type, { detail: { embed, height, ...detail } }));
  });

  if (mode === "inline") {
    show();
    script.after(frame);
    return;
  }
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", label);
  // From a fixed top: centred, it would move what is under somebody's pointer whenever the frame grows.
  const above = "clamp(8px, 8dvh, 5rem)";
  Object.assign(dialog.style, { width: "min(46rem, 100vw - 1rem)", margin: `${above} auto auto`, maxHeight: `calc(100dvh - ${above} - 8px)`, padding: "0", border: "0", borderRadius: "14px", overflow: "auto", scrollbarGutter: "stable" });
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", script.dataset.close || "Close");
  Object.assign(close.style, { position: "absolute", insetBlockStart: "8px", insetInlineEnd: "8px", width: "40px", height: "40px", border: "0", borderRadius: "50%", font: "24px/1 system-ui", cursor: "pointer" });
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (click) => click.target === dialog && dialog.close());
  dialog.append(frame, close);
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.className = "tenpo-button";
  Object.assign(button.style, { padding: "12px 20px", border: "0", borderRadius: "10px", background: "#1d6b55", color: "#fff", font: "600 16px/1.25 system-ui", cursor: "pointer" });
  if (mode === "button") Object.assign(button.style, { position: "fixed", insetBlockEnd: "20px", insetInlineEnd: "20px", zIndex: "2147483000", boxShadow: "0 4px 16px rgb(0 0 0 / .25)" });
  button.addEventListener("click", () => {
    show();
    dialog.showModal();
  });
  script.after(button, dialog);
})();
