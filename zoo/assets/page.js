"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (query, root = document) => [...root.querySelectorAll(query)];
  const body = document.querySelector("#board tbody");
  const radius = document.getElementById("radius");
  const said = document.getElementById("said");
  const percent = (share) => (100 * share).toFixed(2) + "%";
  const sorted = { key: null, up: false };
  let pinned = null;

  // The first measured point at or beyond a radius: what it says holds at the radius, too.
  const reading = (model, at) => data.models[model].find((point) => point[0] >= at * (1 - 1e-6));

  function value(row, key) {
    if (key === "model") return row.dataset.model;
    const text = row.querySelector(".col-" + key).dataset.value;
    return text !== "" && !isNaN(text) ? Number(text) : text;
  }

  function sort(key, up) {
    const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    const rows = [...body.rows].sort((a, b) => order(value(a, key), value(b, key)) * (up ? 1 : -1));
    body.append(...rows);
    Object.assign(sorted, { key, up });
    for (const button of all("#board thead button")) {
      const mine = button.dataset.sort === key;
      button.parentElement.setAttribute("aria-sort", mine ? (up ? "ascending" : "descending") : "none");
    }
  }

  function refreshRadius() {
    for (const row of body.rows) {
      const own = radius.value === "own";
      const at = own ? data.own[row.dataset.model] : Number(radius.value);
      const point = data.models[row.dataset.model].find((p) => Math.abs(p[0] - at) <= 1e-3 * at);
      for (const [key, number] of [["bound", point[1]], ["estimate", point[2]]]) {
        const cell = row.querySelector(".col-" + key);
        cell.dataset.value = number;
        cell.textContent = percent(number);
      }
      const cell = row.querySelector(".col-radius");
      cell.dataset.value = at;
      const option = [...radius.options].find((o) => Math.abs(Number(o.value) - at) < 1e-3 * at);
      cell.textContent = option ? option.textContent : String(Number(at.toPrecision(4)));
    }
    if (sorted.key) sort(sorted.key, sorted.up);
  }

  function filter(dataset) {
    for (const element of all("tr[data-dataset], figure[data-dataset], details[data-dataset]")) {
      element.hidden = dataset !== "" && element.dataset.dataset !== dataset;
    }
    const near = (o) => Math.abs(Number(o.value) - data.ranked[dataset]) < 1e-3;
    const option = dataset && [...radius.options].find(near);
    radius.value = option ? option.value : "own";
    refreshRadius();
    if (dataset) sort("bound", false);
    const shown = [...body.rows].filter((row) => !row.hidden).length;
    said.textContent = shown + (shown === 1 ? " model" : " models") + (dataset ? " of " + dataset : "");
  }

  function highlight(model) {
    for (const element of all("[data-model].curve, tr[data-model]")) {
      element.classList.toggle("on", element.dataset.model === model);
    }
    for (const item of all("figure li")) {
      item.classList.toggle("on", item.querySelector("output").dataset.model === model);
    }
    for (const svg of all("figure svg")) {
      svg.classList.toggle("dim", all(".curve.on", svg).length > 0);
    }
    const top = all(".curve.on");
    for (const curve of top) curve.parentElement.insertBefore(curve, curve.parentElement.querySelector(".cross"));
  }

  function read(figure, at) {
    const svg = figure.querySelector("svg");
    const { end, left, right } = svg.dataset;
    const x = Number(left) + (Number(right) - Number(left)) * Math.min(1, at / Number(end));
    for (const name of ["x1", "x2"]) figure.querySelector(".cross").setAttribute(name, x);
    figure.querySelector(".at").textContent = Number(at).toFixed(3);
    for (const output of all("li output", figure)) {
      const point = reading(output.dataset.model, at);
      output.textContent = point ? percent(point[1]) + " (estimate " + percent(point[2]) + ")" : "not measured";
    }
  }

  for (const button of all("#board thead button")) {
    button.addEventListener("click", () => {
      const key = button.dataset.sort;
      const numeric = typeof value(body.rows[0], key) === "number";
      sort(key, sorted.key === key ? !sorted.up : !numeric);
      said.textContent = "sorted by " + button.textContent + ", " + (sorted.up ? "ascending" : "descending");
    });
  }
  for (const choice of all("input[name=dataset]")) {
    choice.addEventListener("change", () => filter(choice.value));
  }
  radius.addEventListener("change", () => {
    refreshRadius();
    said.textContent = "verified robust accuracy at radius " + radius.selectedOptions[0].textContent;
  });
  for (const element of all("tbody tr[data-model], figure li")) {
    const model = element.dataset.model || element.querySelector("output").dataset.model;
    element.addEventListener("pointerenter", () => highlight(model));
    element.addEventListener("pointerleave", () => highlight(pinned));
    element.addEventListener("focusin", () => highlight(model));
    element.addEventListener("focusout", () => highlight(pinned));
  }
  for (const row of body.rows) {
    row.addEventListener("click", (event) => {
      if (event.target.closest("a")) return;
      pinned = pinned === row.dataset.model ? null : row.dataset.model;
      highlight(pinned);
    });
  }
  for (const curve of all(".curve")) {
    curve.addEventListener("pointerenter", () => highlight(curve.dataset.model));
    curve.addEventListener("pointerleave", () => highlight(pinned));
  }
  for (const figure of all("figure")) {
    const slider = figure.querySelector("input[type=range]");
    const svg = figure.querySelector("svg");
    slider.addEventListener("input", () => read(figure, Number(slider.value)));
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const { end, left, right } = svg.dataset;
      const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      const share = (x - Number(left)) / (Number(right) - Number(left));
      const at = Math.max(0, Math.min(1, share)) * Number(end);
      slider.value = at;
      read(figure, at);
    });
    for (const check of all("li input", figure)) {
      check.addEventListener("change", () => {
        const curve = all(".curve", svg).find((c) => c.dataset.model === check.dataset.model);
        curve.style.display = check.checked ? "" : "none";
      });
    }
    read(figure, Number(slider.getAttribute("value")));
  }
  function open() {
    const card = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (card && card.matches("details")) {
      card.open = true;
      card.scrollIntoView();
    }
  }
  addEventListener("hashchange", open);
  document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
  open();
})();
