// A page: charts are drawn when they come near, again when the room changes; a changed filter is applied at once.
"use strict";

const figures = [...document.querySelectorAll("[data-bagan]")];
const near = new IntersectionObserver((seen) => {
  for (const one of seen) {
    if (!one.isIntersecting) continue;
    near.unobserve(one.target);
    window.gambarBagan(one.target);
  }
}, { rootMargin: "400px" });
for (const figure of figures) near.observe(figure);

let room = document.documentElement.clientWidth;
let waiting;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    if (document.documentElement.clientWidth === room) return;
    room = document.documentElement.clientWidth;
    for (const figure of figures) if (figure.dataset.jadi) window.gambarBagan(figure);
  }, 200);
});

for (const form of document.querySelectorAll(".saringan")) {
  form.addEventListener("change", (event) => { if (event.target.matches("select")) form.requestSubmit(); });
}
