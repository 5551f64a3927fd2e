// Passkeys: asks the browser for a key, and posts what it says with the form that has asked. Nothing leaves by another way.

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

const named = (credential) => ({ ...credential, id: bytes(credential.id) });

function read(options) {
  const asked = JSON.parse(options);
  asked.challenge = bytes(asked.challenge);
  if (asked.user) asked.user.id = bytes(asked.user.id);
  if (asked.allowCredentials) asked.allowCredentials = asked.allowCredentials.map(named);
  if (asked.excludeCredentials) asked.excludeCredentials = asked.excludeCredentials.map(named);
  return asked;
}

function written(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  const { id, type } = credential;
  return JSON.stringify({ id, rawId: text(credential.rawId), type, response });
}

async function ask(form) {
  const publicKey = read(form.dataset.options);
  const credential =
    form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey })
      : await navigator.credentials.get({ publicKey });
  form.elements.passkey.value = written(credential);
  form.submit();
}

if (window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const complaint = form.querySelector("[role=alert]");
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      complaint.hidden = true;
      ask(form).catch(() => {
        complaint.hidden = false;
      });
    });
  }
}
