// SPDX-License-Identifier: Apache-2.0
"use strict";
(() => {
  const one = (query, from = document) => from.querySelector(query);
  const all = (query, from = document) => [...from.querySelectorAll(query)];
  const root = document.documentElement;

  // --- light and dark: the reader's choice of this page, else the system's
  const theme = one("#theme");
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    theme.setAttribute("aria-pressed", String(!dark));
  });

  // --- a link to a section opens it
  const openTarget = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
      one("summary", target).focus({preventScroll: true});
    }
  };
  addEventListener("hashchange", openTarget);
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) openTarget();
    const copy = event.target.closest && event.target.closest("[data-copy]");
    if (copy) {
      const said = copy.textContent;
      const done = () => { copy.textContent = "copied"; setTimeout(() => { copy.textContent = said; }, 1200); };
      const select = () => getSelection().selectAllChildren(copy.previousElementSibling);
      if (navigator.clipboard) navigator.clipboard.writeText(copy.previousElementSibling.textContent).then(done, select); else select();
    }
  });
  for (const button of all("[data-unfold]")) button.addEventListener("click", () => {
    const sections = all("details", document.getElementById(button.dataset.unfold));
    const open = sections.some((section) => !section.open);
    for (const section of sections) section.open = open;
  });
  // Paper has nothing to click.
  let closed = [];
  addEventListener("beforeprint", () => { closed = all("details:not([open])").slice(0, 200); for (const d of closed) d.open = true; });
  addEventListener("afterprint", () => { for (const d of closed) d.open = false; });

  one("#differing").addEventListener("change", (event) => {
    for (const row of all("#facts tr[data-same]")) row.hidden = event.target.checked;
  });

  // --- the matrix
  const matrix = one("#matrix");
  if (!matrix) { openTarget(); return; }
  const data = JSON.parse(one("#data").textContent);
  const groups = all("tbody.g", matrix).map((head) => ({head, button: one("button", head), body: head.nextElementSibling}));
  for (const group of groups) {
    group.open = () => group.button.getAttribute("aria-expanded") === "true";
    group.rows = [...group.body.rows];
    for (const row of group.rows) {
      row.words = row.cells[0].textContent.toLowerCase();
      row.marks = new Set([...row.cells].slice(1).map((cell) => cell.className));
    }
  }
  const fold = (group, open) => {
    group.button.setAttribute("aria-expanded", String(open));
    group.body.hidden = !open;
  };
  // `own`: what the reader chose, which a filter overrides and gives back.
  const choose = (group, open) => { group.own = open; fold(group, open); };
  for (const group of groups) {
    group.own = group.open();
    group.button.addEventListener("click", () => { choose(group, !group.open()); });
  }
  one("#fold").addEventListener("click", () => {
    const open = groups.some((group) => !group.open());
    for (const group of groups) choose(group, open);
  });

  const search = one("#search"), boxes = all("#marks input"), said = one("#said"), nothing = one("#nothing");
  const tests = (many) => `${many} test${many === 1 ? "" : "s"}`;
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const marks = boxes.filter((box) => box.checked).map((box) => box.value);
    let shown = 0, of = 0;
    for (const group of groups) {
      let here = 0;
      for (const row of group.rows) {
        const fits = words.every((word) => row.words.includes(word)) && (!marks.length || marks.some((mark) => row.marks.has(mark)));
        row.hidden = !fits;
        here += fits;
      }
      shown += here;
      of += group.rows.length;
      group.head.hidden = !here;
      one("small", group.head).textContent = (here === group.rows.length ? "" : `${here} of `) + tests(group.rows.length);
      fold(group, words.length || marks.length ? here > 0 : group.own);
    }
    said.textContent = (shown === of ? "" : `${shown} of `) + tests(of);
    nothing.hidden = shown > 0;
  };
  search.addEventListener("input", filter);
  for (const box of boxes) box.addEventListener("change", filter);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.matches("input, textarea") && !event.ctrlKey && !event.metaKey) { event.preventDefault(); search.focus(); }
  });

  // --- a cell in words, under the pointer or the keyboard's focus
  const readout = one("#readout"), silent = readout.textContent;
  const number = (value) => value.toLocaleString("en").replaceAll(",", "\u202f");
  const rate = (value) => { for (const [p, f] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) if (value >= f) return `${+(value / f).toPrecision(3)} ${p}Hz`; return `${value} Hz`; };
  const describe = (cell) => {
    const row = cell.parentElement, column = cell.cellIndex - 1;
    const mark = data.marks[cell.className];
    if (!mark || !row.dataset.t) return silent;
    const parts = [`${data.machines[column]}: ${row.cells[0].textContent}: ${mark}`];
    const counts = data.counts[column] && data.counts[column][row.dataset.t];
    if (counts) {
      const [n, hz, ...ks] = counts;
      if (n) parts.push(data.witnesses[row.dataset.w].map((name, i) => `${name} ${number(ks[i] || 0)} of ${number(n)}`).join(", "));
      if (hz) parts.push(rate(hz));
    }
    return parts.join("; ");
  };
  let active = null;
  const show = (cell) => { if (cell) readout.textContent = describe(cell); };
  // The table that scrolls under a pointer at rest is no word of the pointer's.
  let place = "";
  matrix.addEventListener("mouseover", (event) => {
    const now = `${event.clientX} ${event.clientY}`;
    if (now !== place) show(event.target.closest("td"));
    place = now;
  });
  matrix.addEventListener("mouseleave", () => { readout.textContent = active ? describe(active) : silent; });
  matrix.addEventListener("focusin", (event) => {
    const cell = event.target.closest("td");
    if (!cell) return;
    if (active && active !== cell) active.tabIndex = -1;
    active = cell;
    cell.tabIndex = 0;
    show(cell);
  });
  const first = one("tbody:not(.g) td", matrix);
  if (first) first.tabIndex = 0;
  for (const link of all("td a", matrix)) link.tabIndex = -1;
  const step = (cell, down) => {
    const rows = groups.filter((g) => !g.body.hidden).flatMap((g) => g.rows.filter((row) => !row.hidden));
    const at = rows.indexOf(cell.parentElement) + down;
    return rows[at] && rows[at].cells[cell.cellIndex];
  };
  matrix.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    if (!cell) return;
    const to = {ArrowUp: () => step(cell, -1), ArrowDown: () => step(cell, 1), PageDown: () => step(cell, 20), PageUp: () => step(cell, -20),
      ArrowLeft: () => cell.cellIndex > 1 && cell.previousElementSibling, ArrowRight: () => cell.nextElementSibling,
      Home: () => cell.parentElement.cells[1], End: () => cell.parentElement.cells[cell.parentElement.cells.length - 1]}[event.key];
    if (to) {
      event.preventDefault();
      const next = to();
      if (next) { next.tabIndex = 0; next.focus(); next.scrollIntoView({block: "nearest", inline: "nearest"}); }
    } else if (event.key === "Enter" && one("a", cell)) {
      one("a", cell).click();
    }
  });
  filter();
  openTarget();
})();
