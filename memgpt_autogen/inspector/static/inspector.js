// While a block is edited: how long it is, and that it is not saved yet. Everything works without.
"use strict";
for (const area of document.querySelectorAll("textarea[data-limit]")) {
  const size = document.getElementById("size");
  const limit = Number(area.dataset.limit);
  const saved = area.value;
  let leaving = false;
  area.addEventListener("input", () => {
    const length = [...area.value].length; // as Python counts
    size.textContent = `${length.toLocaleString("en")} of ${limit.toLocaleString("en")} characters`;
    size.classList.toggle("over", length > limit);
  });
  area.form.addEventListener("submit", () => { leaving = true; });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && area.value !== saved) event.preventDefault();
  });
}
