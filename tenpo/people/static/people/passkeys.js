// <form data-passkey="login | authenticate | add"> with a hidden input "credential": asks the device before it is sent.
// Until this script is here the form is inert: sent without the device's answer it could only fail.
// What the device needs to know stands in <script id="passkey-data">; for signing in it is asked from the form's address.
const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0)).buffer;
const encode = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const known = (list) => list?.map((one) => ({ ...one, id: decode(one.id) }));

async function options(form) {
  if (form.dataset.passkey !== "login") return JSON.parse(document.getElementById("passkey-data").textContent);
  const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer.json();
}

async function create({ creation_options }, isAlone) {
  const wanted = structuredClone(creation_options.publicKey);
  wanted.challenge = decode(wanted.challenge);
  wanted.user.id = decode(wanted.user.id);
  wanted.excludeCredentials = known(wanted.excludeCredentials);
  wanted.authenticatorSelection = { ...wanted.authenticatorSelection, residentKey: isAlone ? "required" : "discouraged", requireResidentKey: isAlone, ...(isAlone && { userVerification: "required" }) };
  const made = await navigator.credentials.create({ publicKey: wanted });
  const response = { clientDataJSON: encode(made.response.clientDataJSON), attestationObject: encode(made.response.attestationObject), transports: made.response.getTransports?.() ?? [] };
  return plain(made, response);
}

async function get({ request_options }) {
  const wanted = structuredClone(request_options.publicKey);
  wanted.challenge = decode(wanted.challenge);
  wanted.allowCredentials = known(wanted.allowCredentials);
  const found = await navigator.credentials.get({ publicKey: wanted });
  const { clientDataJSON, authenticatorData, signature, userHandle } = found.response;
  return plain(found, { clientDataJSON: encode(clientDataJSON), authenticatorData: encode(authenticatorData), signature: encode(signature), userHandle: userHandle && encode(userHandle) });
}

const plain = (credential, response) => ({
  type: credential.type,
  id: credential.id,
  rawId: encode(credential.rawId),
  authenticatorAttachment: credential.authenticatorAttachment,
  clientExtensionResults: credential.getClientExtensionResults(),
  response,
});

async function ask(form) {
  const failure = form.querySelector("[data-passkey-error]");
  failure.hidden = true;
  try {
    const asked = await options(form);
    const isAlone = Boolean(form.querySelector("[name=passwordless]")?.checked);
    const credential = form.dataset.passkey === "add" ? await create(asked, isAlone) : await get(asked);
    form.querySelector("[name=credential]").value = JSON.stringify(credential);
    form.submit();
  } catch {
    failure.hidden = false;
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  // Before the common listener, which would take the form for sent.
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopPropagation();
    ask(form);
  });
  form.inert = false;
}
