// Draws a chart from its specification in the room that its place has. Data, scales and marks stay as the print has them;
// widths, legends and lengths of labels follow the room, and the title stands above as text.
"use strict";

{
  let library;
  const vega = (address) => library ??= new Promise((done, failed) => {
    const element = document.createElement("script");
    element.src = address;
    element.addEventListener("load", () => done(window.vegaEmbed));
    element.addEventListener("error", () => { library = undefined; element.remove(); failed(new Error(address)); });
    document.head.append(element);
  });

  // Objects of one name anywhere in a specification, changed by a function.
  const each = (node, name, change) => {
    if (!node || typeof node !== "object") return;
    for (const [key, value] of Object.entries(node)) {
      if (key === "data") continue;
      if (key === name && value && typeof value === "object" && !Array.isArray(value)) change(value);
      each(value, name, change);
    }
  };

  const named = (facet) => facet.column ?? facet.row ?? facet;

  // How many drawings stand side by side, and a specification whose drawings have a width each.
  const laid = (original, room, width) => {
    const spec = structuredClone(original);
    delete spec.title;
    spec.background = "transparent";
    spec.config = { ...spec.config, aria: false };
    const small = room < 600;
    if (small) spec.config.text = { ...spec.config.text, fontSize: 10 };
    const longest = Math.round(room * (small ? 0.42 : 0.34));
    spec.config.axis = { ...spec.config.axis, labelLimit: Math.min(220, longest), ...(small ? { labelFontSize: 11 } : {}) };
    each(spec, "axis", (axis) => { if (axis.labelLimit) axis.labelLimit = Math.min(axis.labelLimit, longest); });
    // Legends stand below the drawing, behind its labels: they may not be wider than it.
    each(spec, "legend", (legend) => {
      if (legend.gradientLength) legend.gradientLength = Math.min(legend.gradientLength, Math.max(80, width));
      if (legend.columns || small) legend.columns = Math.max(1, Math.min(legend.columns ?? 9, Math.floor(width / 130)));
    });
    // Labels of two parts take two lines where one would be cut.
    if (longest < 230) each(spec, "y", (y) => {
      if (y.type === "nominal" && y.axis !== null) y.axis = { labelExpr: "split(datum.label, ' · ')", labelFontSize: 11, labelLineHeight: 11, ...y.axis };
    });
    if (small) each(spec, "x", (x) => {
      if (!x.field || x.axis === null) return;
      x.axis = x.type === "nominal" ? { ...x.axis, labelAngle: -40 } : { labelOverlap: "greedy", labelSeparation: 4, ...x.axis };
    });
    if (spec.hconcat) {
      const across = room < 720 ? 1 : spec.hconcat.length;
      spec.concat = spec.hconcat.map((one) => ({ ...one, width }));
      delete spec.hconcat;
      spec.columns = across;
      return { spec, across };
    }
    if (spec.facet) {
      const field = named(spec.facet).field;
      const count = new Set(spec.data.values.map((row) => row[field])).size;
      const across = spec.facet.row ? 1 : Math.max(1, Math.min(count, spec.columns ?? count, Math.floor(room / 330)));
      if (spec.facet.column) { spec.facet = spec.facet.column; }
      if (!spec.facet.row) spec.columns = across;
      spec.spec.width = width;
      return { spec, across };
    }
    const square = typeof spec.width === "number" && typeof spec.height === "number" && spec.width < spec.height * 1.3;
    const most = square ? Math.min(width, spec.width * 1.2) : width;
    if (square) spec.height = Math.round(spec.height * most / spec.width);
    spec.width = most;
    return { spec, across: 1, most: square ? spec.width : Infinity };
  };

  const options = {
    actions: false, ast: true, renderer: "svg", logLevel: 1, defaultStyle: false, tooltip: { disableDefaultStyle: true },
  };

  /* Draw into a figure. `scale` enlarges everything, `height` is the most that there is. */
  window.gambarBagan = async (figure, { scale = 1, height = Infinity } = {}) => {
    const place = figure.querySelector(".bagan-gambar");
    const told = figure.querySelector(".bagan-keadaan");
    try {
      const [answer, embed] = await Promise.all([
        figure.asal ?? fetch(figure.dataset.bagan).then((found) => {
          if (!found.ok || found.redirected) throw new Error(String(found.status));
          return found.json();
        }),
        vega(figure.dataset.vega),
      ]);
      figure.asal = answer;
      const room = Math.floor(place.clientWidth / scale);
      let width = room - 80;
      let inner;
      for (let tries = 0; tries < 4; tries += 1) {
        const { spec, across } = laid(answer, room, Math.max(60, Math.floor(width)));
        inner = document.createElement("div");
        inner.className = "bagan-isi";
        await embed(inner, spec, options);
        const drawn = inner.querySelector("svg");
        const over = Number(drawn.getAttribute("width")) - room;
        const square = spec.width < width - 1;
        if (over <= 0 && (over > -12 || square)) break;
        if (width <= 60) break;
        width -= (over + 4) / across;
      }
      const drawing = inner.querySelector("svg");
      const [w, h] = [Number(drawing.getAttribute("width")), Number(drawing.getAttribute("height"))];
      const grown = Math.min(scale, height / h);
      if (grown !== 1) {
        drawing.setAttribute("viewBox", `0 0 ${w} ${h}`);
        drawing.setAttribute("width", String(Math.floor(w * grown)));
        drawing.setAttribute("height", String(Math.floor(h * grown)));
      }
      inner.setAttribute("aria-hidden", "true"); // the place says what it shows, the table holds the figures
      place.replaceChildren(inner);
      told.hidden = true;
      figure.dataset.jadi = "ya";
    } catch {
      told.textContent = told.dataset.gagal;
      told.hidden = false;
      figure.dataset.jadi = "gagal";
    }
  };
}
