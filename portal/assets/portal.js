// What pages gain by scripts; all of them work without.
(function () {
  "use strict";
  // "on" is for browsers whose style sheets cannot ask for scripts.
  function arm(root) {
    root.querySelectorAll("button[data-copy]").forEach(function (button) {
      if (navigator.clipboard) button.classList.add("on"); else button.hidden = true;
    });
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("button[data-copy]");
    if (!button) return;
    navigator.clipboard.writeText(button.dataset.copy).then(function () {
      var text = button.textContent, label = button.getAttribute("aria-label");
      button.textContent = button.dataset.copied;
      // What it is named would hide from who hears the page that it was done.
      button.removeAttribute("aria-label");
      setTimeout(function () {
        button.textContent = text;
        if (label) button.setAttribute("aria-label", label);
      }, 2000);
    });
  });
  document.addEventListener("htmx:afterSwap", function () { arm(document); });
  // Nothing is drawn again by itself beneath a text that somebody has marked, as to copy it by hand.
  document.addEventListener("htmx:beforeRequest", function (event) {
    var by = event.detail.elt, marked = document.getSelection();
    if (by.id === "records" && !marked.isCollapsed && by.contains(marked.anchorNode)) event.preventDefault();
  });
  // On a small screen the menus are wider than it: where one is stands in sight.
  document.querySelectorAll(".bar nav [aria-current], .tabs [aria-current]").forEach(function (here) {
    var row = here.closest("nav"), left = here.offsetLeft - row.offsetLeft;
    if (left + here.offsetWidth > row.clientWidth) row.scrollLeft = left;
  });
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
      form.classList.add("on");
      form.addEventListener("submit", function (event) {
        event.preventDefault();
        var failed = form.querySelector("[role=alert]");
        failed.hidden = true;
        ceremony(form).catch(function () { failed.hidden = false; });
      });
    });
    document.querySelectorAll("[data-without-passkey]").forEach(function (note) { note.hidden = true; });
  } else {
    document.querySelectorAll("form[data-passkey]").forEach(function (form) { form.hidden = true; });
    document.querySelectorAll("[data-without-passkey]").forEach(function (note) { note.classList.add("on"); });
  }
  // Signing up costs a proof of work: SHA-256 (FIPS 180-4) of "challenge:number" begins with so many zero bits.
  function primes(root) {
    var found = [];
    for (var n = 2; found.length < 64; n++) {
      if (found.every(function (p) { return n % p.n; })) found.push({ n: n, k: (Math.pow(n, root) % 1) * 4294967296 | 0 });
    }
    return found.map(function (p) { return p.k; });
  }
  function turn(x, by) { return (x >>> by) | (x << (32 - by)); }
  var schedule = new Int32Array(64);
  function sha256(text, k, start) {
    var w = schedule, bytes = text.length, blocks = (bytes + 8 >> 6) + 1, h = start.slice();
    for (var from = 0; from < blocks; from++) {
      for (var n = 0; n < 16; n++) {
        for (var at = from * 64 + n * 4, word = 0, i = 0; i < 4; i++, at++) {
          word = word << 8 | (at < bytes ? text.charCodeAt(at) : at === bytes ? 128 : 0);
        }
        w[n] = word;
      }
      if (from === blocks - 1) w[15] = bytes * 8;
      var a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], last = h[7];
      for (n = 0; n < 64; n++) {
        if (n > 15) {
          var x = w[n - 15], y = w[n - 2];
          w[n] = w[n - 16] + w[n - 7] + (turn(x, 7) ^ turn(x, 18) ^ x >>> 3) + (turn(y, 17) ^ turn(y, 19) ^ y >>> 10);
        }
        var one = last + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (e & f ^ ~e & g) + k[n] + w[n] | 0;
        var two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + (a & b ^ a & c ^ b & c) | 0;
        last = g; g = f; f = e; e = d + one | 0; d = c; c = b; b = a; a = one + two | 0;
      }
      h = [h[0] + a | 0, h[1] + b | 0, h[2] + c | 0, h[3] + d | 0, h[4] + e | 0, h[5] + f | 0, h[6] + g | 0, h[7] + last | 0];
    }
    return h;
  }
  document.querySelectorAll("form[data-proof]").forEach(function (form) {
    var k = primes(1 / 3), start = primes(1 / 2).slice(0, 8), bits = Number(form.dataset.bits), number = 0;
    form.querySelector("[data-wait]").hidden = true;
    var buttons = Array.from(form.querySelectorAll("button"));
    buttons.forEach(function (button) { button.disabled = true; });
    (function some() {
      for (var end = number + 2000; number < end; number++) {
        if (sha256(form.dataset.proof + ":" + number, k, start)[0] >>> (32 - bits) === 0) {
          form.elements.proof.value = number;
          buttons.forEach(function (button) { button.disabled = false; });
          return;
        }
      }
      setTimeout(some, 0);
    })();
  });
  // Who hears a page hears first what was wrong.
  var refused = document.getElementById("refused");
  if (refused) refused.focus();
})();
