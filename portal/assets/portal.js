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
  // Who hears a page hears first what was wrong.
  var refused = document.getElementById("refused");
  if (refused) refused.focus();
})();
