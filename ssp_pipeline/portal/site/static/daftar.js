// The list of all datasets, narrowed in place. Without this script each facet is a link to a page of its own.
"use strict";

const list = document.getElementById("daftar");
const form = document.getElementById("saringan");
if (list && "semua" in list.dataset) {
  const cards = [...list.children];
  const text = document.getElementById("saring-teks");
  const links = [...document.querySelectorAll("[data-saring]")];
  const shown = document.getElementById("jumlah-tampil");
  const number = new Intl.NumberFormat(document.documentElement.lang);
  const chosen = new Map(new URLSearchParams(location.search));

  const has = (card, kind, value) => card.dataset[kind].split(" ").includes(value);
  const matches = (card, words, except) =>
    words.every((word) => card.dataset.cari.includes(word)) &&
    [...chosen].every(([kind, value]) => kind === except || kind === "q" || !(kind in card.dataset) || has(card, kind, value));

  const narrow = () => {
    const wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const card of cards) {
      card.hidden = !matches(card, wanted, null);
      count += card.hidden ? 0 : 1;
    }
    const words = count === 1 ? shown.dataset.satu : shown.dataset.banyak;
    shown.textContent = words.replace(/^\d+/, number.format(count));
    for (const link of links) {
      const { saring: kind, nilai: value } = link.dataset;
      link.setAttribute("aria-pressed", String(chosen.get(kind) === value));
      const here = cards.filter((card) => matches(card, wanted, kind) && has(card, kind, value)).length;
      link.parentElement.querySelector(".hitung").textContent = number.format(here);
    }
    const query = new URLSearchParams([...chosen, ...(text.value ? [["q", text.value]] : [])]);
    history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  };

  text.value = chosen.get("q") || "";
  chosen.delete("q");
  form.addEventListener("submit", (event) => event.preventDefault());
  text.addEventListener("input", narrow);
  for (const link of links) {
    link.setAttribute("role", "button");
    link.addEventListener("keydown", (event) => { if (event.key === " ") { event.preventDefault(); link.click(); } });
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const { saring: kind, nilai: value } = link.dataset;
      if (chosen.get(kind) === value) chosen.delete(kind); else chosen.set(kind, value);
      narrow();
    });
  }
  narrow();
}
