// On every page: copying code, and saying whether a dataset is late on the reader's own day.
"use strict";

for (const button of document.querySelectorAll(".salin")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    const label = button.textContent;
    button.textContent = button.dataset.sudah;
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

const freshness = document.getElementById("kesegaran");
if (freshness) {
  const today = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Jakarta" }).format(new Date());
  const late = freshness.dataset.jatuhTempo < today;
  if (late) freshness.textContent = freshness.dataset.lewat;
  freshness.classList.add(late ? "tanda-terlambat" : "tanda-sesuai");
}

// A link to a form may name the dataset: /lapor/?dataset=x. Without a script the reader chooses.
const select = document.querySelector("select[name=dataset]");
const named = new URLSearchParams(location.search).get("dataset");
if (select && named && !select.value) select.value = named;
