// The SQL page: runs the query in the address or in the box, and shows the rows.
"use strict";

const form = document.getElementById("sql");
const box = document.getElementById("kueri");
const state = document.getElementById("keadaan");
const result = document.getElementById("hasil");
const csv = document.getElementById("tautan-csv");
const figures = new Intl.NumberFormat(document.documentElement.lang);

const row = (tag, values) => {
  const tr = document.createElement("tr");
  for (const value of values) {
    const cell = document.createElement(tag);
    if (tag === "th") cell.scope = "col";
    if (typeof value === "number") cell.className = "angka";
    cell.textContent = value === null ? "–" : String(value);
    tr.append(cell);
  }
  return tr;
};

const address = () => {
  csv.href = `/api/sql?${new URLSearchParams({ format: "csv", q: box.value })}`;
};

const run = async () => {
  state.textContent = state.dataset.jalan;
  result.hidden = true;
  const began = performance.now();
  try {
    const answer = await fetch(`/api/sql?${new URLSearchParams({ q: box.value })}`);
    const told = await answer.json();
    if (told.galat) {
      state.textContent = told.galat.pesan;
      return;
    }
    const { kolom: fields, baris: records } = told;
    const names = fields.map((field) => field.id);
    const table = document.createElement("table");
    const [head, body] = [document.createElement("thead"), document.createElement("tbody")];
    head.append(row("th", names));
    body.append(...records.map((record) => row("td", names.map((name) => record[name]))));
    table.append(head, body);
    result.replaceChildren(table);
    result.hidden = false;
    const seconds = figures.format(Math.round((performance.now() - began) / 10) / 100);
    state.textContent = state.dataset.hasil.replace("{baris}", figures.format(records.length)).replace("{detik}", seconds);
    if (told.terpotong) state.textContent += ` ${state.dataset.potong}`;
  } catch {
    state.textContent = state.dataset.gagal;
  }
};

const take = () => {
  if (location.hash.length < 2) return;
  box.value = decodeURIComponent(location.hash.slice(1));
  address();
  run();
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  history.replaceState(null, "", `#${encodeURIComponent(box.value)}`);
  run();
});
box.addEventListener("input", address);
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
addEventListener("hashchange", take);
take();
