// Sets the chosen theme before the first paint. Without a choice, and without
// script, the device decides.
(function () {
  try {
    var t = localStorage.getItem("theme");
    if (t === "light" || t === "dark") document.documentElement.dataset.theme = t;
  } catch (e) {}
  document.documentElement.classList.add("js");
})();
