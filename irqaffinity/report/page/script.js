"use strict";
(() => {
  const all = (what) => [...document.querySelectorAll(what)];
  const guestsOf = (element) => (element.dataset.g || "").split(" ").filter(Boolean);
  const rows = all("#guests tbody tr, #devices tbody tr, .devices > li, #interrupts > details, .plain > li");
  const cells = all(".cpu");
  const field = document.getElementById("filter");
  const found = document.getElementById("found");

  function filter() {
    const wanted = field.value.trim().toLowerCase();
    const has = (element) => element.textContent.toLowerCase().includes(wanted);
    const guests = new Set(all("#guests tbody tr").filter(has).flatMap(guestsOf));
    const fits = (element) => !wanted || has(element) || guestsOf(element).some((guest) => guests.has(guest));
    let shown = 0;
    for (const row of rows) {
      const fit = fits(row);
      row.classList.toggle("gone", !fit);
      shown += fit && row.matches("#guests tr, #devices tr");
    }
    for (const cell of cells) cell.classList.toggle("dim", !fits(cell));
    found.textContent = wanted ? `${shown} guests and devices` : "";
  }

  const within = (list) => {
    const runs = list.split(",").map((run) => run.split("-").map(Number));
    return (cpu) => runs.some(([first, last = first]) => first <= cpu && cpu <= last);
  };

  // What the pointer or the focus is on: the CPUs of a device's interrupts, or those of a guest.
  let hot = [];
  function heat(event) {
    const over = event.target.closest("[data-c], [data-g]");
    for (const cell of hot) cell.classList.remove("hot");
    const guests = over ? guestsOf(over) : [];
    const fits = over && over.dataset.c
      ? ((has) => (cell) => has(Number(cell.id.slice(3))))(within(over.dataset.c))
      : (cell) => guestsOf(cell).some((guest) => guests.includes(guest));
    hot = over ? cells.filter(fits) : [];
    for (const cell of hot) cell.classList.add("hot");
  }

  field.closest("div").hidden = false;
  field.addEventListener("input", filter);
  document.addEventListener("pointerover", heat);
  document.addEventListener("focusin", heat);
})();
