// The theme first, so that the page is not drawn in the wrong one; then the search box.
// The site is complete without this file.
"use strict";

(function () {
  const root = document.documentElement;
  const KEY = "session-contract-theme";
  const MOST = 12;

  function remembered() {
    try { return localStorage.getItem(KEY); } catch { return null; }
  }
  function remember(theme) {
    try { localStorage.setItem(KEY, theme); } catch { /* private mode: not remembered */ }
  }
  const before = remembered();
  if (before === "dark" || before === "light") root.dataset.theme = before;

  function isDark() {
    if (root.dataset.theme) return root.dataset.theme === "dark";
    return matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function startTheme() {
    const button = document.querySelector("button.theme");
    const show = () => {
      button.textContent = isDark() ? "Light" : "Dark";
      button.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remember(root.dataset.theme);
      show();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
    show();
  }

  // All words have to be found somewhere; where they are found decides the order.
  function score(entry, words) {
    let sum = 0;
    for (const word of words) {
      if (entry.id.toLowerCase().includes(word)) sum += 8;
      else if (entry.title.toLowerCase().includes(word)) sum += 4;
      else if (entry.obligation.toLowerCase().includes(word)) sum += 2;
      else if (entry.why.toLowerCase().includes(word)) sum += 1;
      else return 0;
    }
    return sum;
  }

  function find(text) {
    const words = text.toLowerCase().split(/[\s,]+/).filter(Boolean);
    if (!words.length) return [];
    return (window.sessionContractIndex || [])
      .map((entry, place) => ({ entry, place, score: score(entry, words) }))
      .filter((hit) => hit.score)
      .sort((a, b) => b.score - a.score || a.place - b.place)
      .slice(0, MOST)
      .map((hit) => hit.entry);
  }

  function part(tag, kind, text) {
    const element = document.createElement(tag);
    element.className = kind;
    element.textContent = text;
    return element;
  }

  function startSearch() {
    const form = document.querySelector("form.search");
    const box = form.querySelector("input");
    const list = form.querySelector("ul");
    const status = form.querySelector("[role=status]");
    let hits = [];
    let chosen = -1;
    form.hidden = false;

    function choose(number) {
      chosen = number;
      Array.from(list.children).forEach((item, place) => {
        item.setAttribute("aria-selected", String(place === chosen));
        if (place === chosen) item.scrollIntoView({ block: "nearest" });
      });
      if (chosen < 0) box.removeAttribute("aria-activedescendant");
      else box.setAttribute("aria-activedescendant", "result-" + chosen);
    }

    function close() {
      list.hidden = true;
      box.setAttribute("aria-expanded", "false");
      choose(-1);
    }

    function go(entry) {
      close();
      box.blur();
      location.href = entry.page + "#" + entry.id;
    }

    function row(entry, number) {
      const item = part("li", "", "");
      item.id = "result-" + number;
      item.setAttribute("role", "option");
      item.append(
        part("span", "id", entry.id), part("span", "title", entry.title),
        part("span", "obligation", entry.obligation));
      item.addEventListener("mousedown", (event) => { event.preventDefault(); go(entry); });
      return item;
    }

    function update() {
      hits = find(box.value);
      list.replaceChildren(...hits.map(row));
      const asked = box.value.trim() !== "";
      if (asked && !hits.length) list.append(part("li", "nothing", "Nothing found"));
      status.textContent = asked ? hits.length + " found" : "";
      list.hidden = !asked;
      box.setAttribute("aria-expanded", String(asked));
      choose(hits.length ? 0 : -1);
    }

    box.addEventListener("input", update);
    box.addEventListener("focus", update);
    box.addEventListener("blur", close);
    box.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" && hits.length) choose((chosen + 1) % hits.length);
      else if (event.key === "ArrowUp" && hits.length)
        choose((chosen - 1 + hits.length) % hits.length);
      else if (event.key === "Escape" && !list.hidden) close();
      else if (event.key === "Escape") box.blur();
      else return;
      event.preventDefault();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (hits[Math.max(chosen, 0)]) go(hits[Math.max(chosen, 0)]);
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, textarea, select, [contenteditable]");
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      box.focus();
      box.select();
    });
  }

  document.addEventListener("DOMContentLoaded", () => { startTheme(); startSearch(); });
})();
