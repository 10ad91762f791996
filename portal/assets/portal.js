// What pages gain by scripts; all of them work without.
(function () {
  "use strict";
  function arm(root) {
    if (!navigator.clipboard) return;
    root.querySelectorAll("button[data-copy]").forEach(function (button) { button.hidden = false; });
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("button[data-copy]");
    if (!button) return;
    navigator.clipboard.writeText(button.dataset.copy).then(function () {
      var text = button.textContent;
      button.textContent = button.dataset.copied;
      setTimeout(function () { button.textContent = text; }, 2000);
    });
  });
  document.addEventListener("htmx:afterSwap", function () { arm(document); });
  arm(document);
  // Passkeys: the browser speaks in bytes, forms and JSON in base64url.
  function bytes(text) {
    var plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, function (c) { return c.charCodeAt(0); });
  }
  function written(buffer) {
    var plain = "";
    new Uint8Array(buffer).forEach(function (b) { plain += String.fromCharCode(b); });
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }
  function revived(options) {
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    [options.allowCredentials, options.excludeCredentials].forEach(function (list) {
      (list || []).forEach(function (known) { known.id = bytes(known.id); });
    });
    return options;
  }
  function told(credential) {
    var response = {};
    ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"].forEach(function (name) {
      if (credential.response[name]) response[name] = written(credential.response[name]);
    });
    if (credential.response.getTransports) response.transports = credential.response.getTransports();
    return JSON.stringify({ id: credential.id, rawId: written(credential.rawId), type: credential.type, response: response,
      extensions: credential.getClientExtensionResults() });
  }
  function ceremony(form) {
    var asked = new URLSearchParams(new FormData(form));
    asked.set("act", "begin");
    return fetch(form.action, { method: "POST", body: asked, credentials: "same-origin" })
      .then(function (answer) { return answer.json(); })
      .then(function (begun) {
        if (begun.to) return location.assign(begun.to);
        var options = { publicKey: revived(begun.options.publicKey) };
        return navigator.credentials[form.dataset.passkey](options).then(function (credential) {
          form.elements.ceremony.value = begun.ceremony;
          form.elements.credential.value = told(credential);
          form.submit();
        });
      });
  }
  if (window.PublicKeyCredential) {
    document.querySelectorAll("form[data-passkey]").forEach(function (form) {
      form.hidden = false;
      form.addEventListener("submit", function (event) {
        event.preventDefault();
        var failed = form.querySelector("[role=alert]");
        failed.hidden = true;
        ceremony(form).catch(function () { failed.hidden = false; });
      });
    });
    document.querySelectorAll("[data-without-passkey]").forEach(function (note) { note.hidden = true; });
  }
  // Who hears a page hears first what was wrong.
  var refused = document.getElementById("refused");
  if (refused) refused.focus();
})();
