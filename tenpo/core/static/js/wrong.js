// A form that was refused: whoever sent it lands at what is wrong first, not at the top of a long page.
const WRONG = '[aria-invalid="true"]:not([type="hidden"]), form [role="alert"]';

for (const found of document.querySelectorAll(`main :is(${WRONG})`)) {
  for (let fold = found.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  // A specimen only shows what such a form looks like.
  if (!found.checkVisibility() || found.closest(".specimen")) continue;
  if (found.role === "alert") found.tabIndex = -1;
  found.focus();
  // What stands below is seen with it.
  found.closest(".field")?.scrollIntoView({ block: "nearest" });
  break;
}
