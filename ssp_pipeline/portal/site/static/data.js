// A dataset's page: pages and filters of the table through the data API, and the chart that can be explored.
"use strict";

const lang = document.documentElement.lang;
const numbers = new Intl.NumberFormat(lang, { maximumFractionDigits: 6 });
const instants = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Jakarta", dateStyle: "short", timeStyle: "medium" });
const literal = (value) => "'" + String(value).replaceAll("'", "''") + "'";

// Table

const bar = document.getElementById("saring-tabel");
if (bar) {
  const { sumber: resource, tabel: table, urut: sort, sql: page } = bar.dataset;
  const keys = bar.dataset.kunci.split(" ");
  const figures = new Set(bar.dataset.angka.split(" "));
  const types = new Map(bar.dataset.tipe.split(" ").map((pair) => pair.split(":")));
  const columns = bar.dataset.kolom.split(" ");
  const body = document.querySelector("#tabel tbody");
  const state = document.getElementById("keadaan-tabel");
  const [back, on] = [bar.querySelector("[data-sebelum]"), bar.querySelector("[data-sesudah]")];
  const limit = 10;
  let offset = 0;
  let asked = 0;

  const constant = (column, value) => {
    const type = types.get(column);
    if (type === "integer" || type === "number" || type === "boolean") return String(value);
    if (type === "date") return "DATE " + literal(String(value).slice(0, 10));
    return type === "datetime" ? "TIMESTAMPTZ " + literal(value) : literal(value);
  };
  const shown = (column, value) => {
    if (value === null || value === undefined || value === "") return "–";
    if (figures.has(column)) return numbers.format(Number(value));
    if (types.get(column) === "date") return String(value).slice(0, 10);
    return types.get(column) === "datetime" ? `${instants.format(new Date(value))} WIB` : String(value);
  };
  const cell = (row, column) => {
    const td = document.createElement("td");
    const text = shown(column, row[column]);
    if (!figures.has(column)) { td.textContent = text; return td; }
    td.className = "angka";
    if (text === "–") { td.textContent = text; return td; }
    const where = keys.map((key) => `${key} = ${constant(key, row[key])}`).join("\n  AND ");
    const link = document.createElement("a");
    link.href = `${page}#${encodeURIComponent(`SELECT ${column}\nFROM ${table}\nWHERE ${where}`)}`;
    link.textContent = text;
    td.append(link);
    return td;
  };

  const load = async () => {
    const [column, text] = [bar.elements.kolom.value, bar.elements.isi.value.trim()];
    const query = new URLSearchParams({ resource_id: resource, limit, offset });
    if (sort) query.set("sort", sort);
    if (text && column) query.set("filters", JSON.stringify({ [column]: text }));
    else if (text) query.set("q", text);
    const mine = ++asked;
    try {
      const answer = await fetch(`/api/3/action/datastore_search?${query}`);
      const { success, result } = await answer.json();
      if (mine !== asked) return;
      if (!success) throw new Error(String(answer.status));
      body.replaceChildren(...result.records.map((row) => {
        const tr = document.createElement("tr");
        tr.append(...columns.map((name) => cell(row, name)));
        return tr;
      }));
      const end = offset + result.records.length;
      const facts = { awal: offset + 1, akhir: end, semua: result.total };
      state.textContent = result.records.length
        ? state.dataset.bentuk.replace(/\{(\w+)\}/g, (_, name) => numbers.format(facts[name]))
        : state.dataset.kosong;
      back.disabled = offset === 0;
      on.disabled = end >= result.total;
    } catch {
      state.textContent = state.dataset.gagal;
    }
  };

  back.disabled = true;
  bar.addEventListener("submit", (event) => { event.preventDefault(); offset = 0; load(); });
  back.addEventListener("click", () => { offset = Math.max(0, offset - limit); load(); });
  on.addEventListener("click", () => { offset += limit; load(); });
}

// Chart

const figure = document.querySelector(".grafik");
if (figure) {
  const tools = figure.querySelector(".grafik-alat");
  const button = figure.querySelector("[data-jelajah]");
  const holder = figure.querySelector(".grafik-gambar");
  const told = figure.querySelector(".angka-terpilih");
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;

  const script = (address) => new Promise((done, failed) => {
    const element = document.createElement("script");
    element.src = address;
    element.addEventListener("load", done);
    element.addEventListener("error", failed);
    document.head.append(element);
  });

  button.addEventListener("click", async () => {
    button.disabled = true;
    const [answer] = await Promise.all([fetch(figure.dataset.grafik), script(figure.dataset.vega)]);
    const chart = await answer.json();
    const spec = chart[matchMedia("(max-width: 47.99rem)").matches ? "sempit" : "lebar"];
    const colours = dark ? chart.gelap : {};
    const themed = JSON.parse(JSON.stringify(spec), (_, value) => colours[value] ?? value);
    const place = document.createElement("div");
    // `ast` runs Vega's expressions through its interpreter: the policy allows no code made from text.
    const { view } = await window.vegaEmbed(place, themed, {
      actions: false, ast: true, renderer: "canvas", defaultStyle: false, tooltip: { disableDefaultStyle: true },
    });
    place.querySelector("canvas").setAttribute("aria-label", figure.querySelector("img").alt);
    place.querySelector("canvas").setAttribute("role", "img");
    holder.replaceChildren(place);
    tools.hidden = true;
    view.addEventListener("click", (_, item) => {
      if (!item || !item.datum || item.datum.nilai === undefined || item.datum.nilai === null) return;
      const { waktu, kelompok, nilai } = item.datum;
      const when = chart.waktu === "date" ? "DATE " + literal(new Date(waktu).toISOString().slice(0, 10)) : String(waktu);
      const sql = chart.titik.replace("{waktu}", when).replace("{kelompok}", literal(chart.kode[kelompok] ?? kelompok));
      const link = document.createElement("a");
      link.href = `${figure.dataset.sql}#${encodeURIComponent(sql)}`;
      link.textContent = figure.dataset.hitungan;
      told.replaceChildren(`${numbers.format(nilai)}: `, link);
    });
  });
}
