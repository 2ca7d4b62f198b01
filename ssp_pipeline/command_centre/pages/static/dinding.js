// The wall: pages follow one another on the whole screen. What is shown stays until the next is ready, so a server that
// is away leaves no blank screen; the stream of events says when there is a new version, and comes back by itself.
"use strict";

const main = document.getElementById("isi");
const links = [...document.querySelectorAll("[data-layar]")];
const names = links.map((link) => link.dataset.layar);
const state = document.getElementById("sambungan");
const button = document.getElementById("jeda");
const close = document.getElementById("tutup");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const seconds = Number(new URLSearchParams(location.search).get("detik")) || Number(document.body.dataset.detik);
const SCALE = 1.5;

let shown = main.querySelector(".layar").dataset.halaman;
let version = document.body.dataset.versi;
// Whoever asked for less motion starts the rotation by hand.
let paused = sessionStorage.getItem("dinding-jeda") === "ya" || (calm.matches && sessionStorage.getItem("dinding-jeda") !== "tidak");
let timer;
let asked = 0;

const draw = async (layer) => {
  const figure = layer.querySelector("[data-bagan]");
  if (!figure) return;
  const wide = innerWidth >= 1400;
  const left = innerHeight - figure.getBoundingClientRect().top - 24;
  await window.gambarBagan(figure, wide ? { scale: SCALE, height: Math.max(260, left) } : {});
};

const mark = (name) => {
  shown = name;
  for (const link of links) {
    if (link.dataset.layar === name) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  close.href = name === "ikhtisar" ? "/" : `/${name}`;
  history.replaceState(null, "", `/dinding?${new URLSearchParams({ halaman: name, ...(seconds === Number(document.body.dataset.detik) ? {} : { detik: seconds }) })}`);
};

const show = async (name) => {
  const mine = ++asked;
  try {
    const answer = await fetch(`/dinding/${name}`);
    if (answer.redirected || answer.status === 401 || answer.status === 403) { location.reload(); return; }
    if (!answer.ok) throw new Error(String(answer.status));
    const made = document.createElement("template");
    made.innerHTML = await answer.text();
    const layer = made.content.querySelector(".layar");
    if (mine !== asked || !layer) return;
    // Drawn out of sight, above what is shown, then put in its place.
    layer.classList.add("layar-menunggu");
    main.append(layer);
    await draw(layer);
    if (mine !== asked) { layer.remove(); return; }
    for (const old of main.querySelectorAll(".layar")) if (old !== layer) old.remove();
    layer.classList.remove("layar-menunggu");
    version = layer.dataset.versi;
    document.body.dataset.versi = version;
    mark(name);
  } catch {
    for (const old of main.querySelectorAll(".layar-menunggu")) old.remove();
  }
};

const plan = () => {
  clearTimeout(timer);
  if (paused) return;
  timer = setTimeout(async () => {
    await show(names[(names.indexOf(shown) + 1) % names.length]);
    plan();
  }, seconds * 1000);
};

const settle = () => {
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? button.dataset.jalan : button.dataset.jeda;
  plan();
};

const toggle = () => {
  paused = !paused;
  sessionStorage.setItem("dinding-jeda", paused ? "ya" : "tidak");
  settle();
};

button.addEventListener("click", toggle);
addEventListener("keydown", (event) => {
  if (event.target.closest("a, button")) return;
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step) show(names[(names.indexOf(shown) + step + names.length) % names.length]).then(plan);
  if (event.key === " ") { event.preventDefault(); toggle(); }
});
for (const link of links) {
  link.addEventListener("click", (event) => { event.preventDefault(); show(link.dataset.layar).then(plan); });
}

const events = () => {
  const source = new EventSource("/peristiwa");
  source.addEventListener("open", () => { state.textContent = state.dataset.ada; delete state.dataset.lepas; });
  source.addEventListener("cuplikan", (event) => { if (JSON.parse(event.data).versi !== version) show(shown).then(plan); });
  source.addEventListener("error", () => {
    state.textContent = state.dataset.putus;
    state.dataset.lepas = "ya";
    // An answer that was no stream ends it for good: begin another, and see whether a login is asked for.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => { events(); show(shown); }, 3000);
  });
};

draw(main.querySelector(".layar"));
events();
settle();
