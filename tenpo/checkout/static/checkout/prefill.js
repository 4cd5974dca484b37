// What a site around a frame knew of its visitor stands after the #: it fills in what is empty, and goes from the address.
const known = new URLSearchParams(location.hash.slice(1));
let used = false;
for (const [name, value] of known) {
  if (!/^(name|email|q-[\w-]+)$/.test(name)) continue;
  const field = document.querySelector(`#slot [name="${CSS.escape(name)}"]`);
  if (field && !field.value && "value" in field && !/^(checkbox|radio|hidden)$/.test(field.type)) field.value = value;
  used = true;
}
if (used) history.replaceState(null, "", location.pathname + location.search);
