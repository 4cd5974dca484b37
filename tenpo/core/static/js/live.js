// Live news over SSE: the unread count and a toast for each notification. Closed while the page is hidden, resumed after.
// An event's data is JSON: {"unread": 3, "title": "…", "url": "/…"}; every part may be missing.
const address = document.querySelector("[data-stream]")?.dataset.stream;
let source = null;
let tries = 0;
let timer = 0;

function hear(event) {
  let news;
  try {
    news = JSON.parse(event.data);
  } catch {
    return;
  }
  tries = 0;
  if (Number.isInteger(news.unread)) {
    for (const count of document.querySelectorAll("[data-unread]")) count.textContent = news.unread > 0 ? String(news.unread) : "";
  }
  if (news.title) document.dispatchEvent(new CustomEvent("toast", { detail: { text: news.title, url: news.url } }));
  document.dispatchEvent(new CustomEvent("news", { detail: news }));
  globalThis.htmx?.trigger(document.body, "news", news);
}

function open() {
  if (source || document.hidden) return;
  source = new EventSource(address);
  source.onmessage = hear;
  for (const kind of ["notification", "unread"]) source.addEventListener(kind, hear);
  source.onerror = () => {
    // The browser tries again by itself unless the server refused; then we do, ever more slowly.
    if (source?.readyState !== EventSource.CLOSED) return;
    close();
    tries += 1;
    if (tries < 8) timer = setTimeout(open, 2 ** tries * 1000);
  };
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

if (address) {
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
}
