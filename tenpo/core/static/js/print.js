// <button data-print>: prints the page; the style sheet leaves out the frame.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) window.print();
});
