// data-dialog="id" on a button or link opens the <dialog> of that id. Without JavaScript a link goes to its page.
function open(dialog) {
  if (!dialog.open) dialog.showModal();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    if (dialog) {
      event.preventDefault();
      open(dialog);
    }
    return;
  }
  if (event.target.closest("[data-dialog-close]")) event.target.closest("dialog")?.close();
  // A click beside the dialog closes it; the browser's own closedby="any" is not everywhere yet.
  const dialog = event.target;
  if (dialog instanceof HTMLDialogElement && dialog.classList.contains("dialog") && !dialog.closedBy) {
    const box = dialog.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) dialog.close();
  }
});

// A dialog that comes back from the server with errors opens again.
for (const dialog of document.querySelectorAll("dialog[data-open]")) open(dialog);
document.addEventListener("htmx:load", (event) => {
  for (const dialog of event.target.querySelectorAll?.("dialog[data-open]") ?? []) open(dialog);
});
