// <input data-hue-preview>: shows the business's colour while it is chosen.
document.addEventListener("input", (event) => {
  if (event.target.matches("[data-hue-preview]")) document.documentElement.dataset.hue = event.target.value;
});
