// <button data-copy="text" data-copied="Copied">: puts the text on the clipboard and says so.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const word = button.querySelector("span") ?? button;
  const before = word.textContent;
  word.textContent = button.dataset.copied;
  button.classList.add("copied");
  button.setAttribute("aria-live", "polite");
  setTimeout(() => {
    word.textContent = before;
    button.classList.remove("copied");
  }, 2000);
});
