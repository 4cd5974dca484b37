// A visitor's page whose clock nobody chose says which one it took. The device knows whose it is: once, before anything is
// done, the page is asked for again on that one. Where the address names a clock it is never asked, so it cannot go on.
const shown = document.querySelector("[data-guessed-zone]")?.dataset.guessedZone;
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
const address = new URL(location.href);
if (shown && here && here !== shown && !address.searchParams.has("zone")) {
  address.searchParams.set("zone", here);
  location.replace(address);
}
