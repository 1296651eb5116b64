"use strict";
(() => {
  const number = (text) => {
    const plain = text.replace(/,/g, "").replace("\u2212", "-").replace(/^[<\u00b1]\s*/, "");
    const value = Number.parseFloat(plain);
    return Number.isNaN(value) ? null : value;
  };

  const compare = (a, b) => {
    const x = number(a), y = number(b);
    if (x !== null && y !== null) return x - y;
    if (x !== null || y !== null) return x !== null ? -1 : 1;
    return a.localeCompare(b);
  };

  const sort = (table, column, header) => {
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const text = (row) => row.cells[column].textContent.trim();
    const rows = [...body.rows].sort((a, b) => (down ? -1 : 1) * compare(text(a), text(b)));
    body.append(...rows);
  };

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      button.addEventListener("click", () => sort(table, column, header));
      header.replaceChildren(button);
    });
  }

  // A link to a closed table opens it, and so does printing: paper cannot be clicked.
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    for (let box = target && target.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((box) => { box.open = true; }));
  reveal();

  // The page holds columns, words once each; the file gets rows, as audit.json has them.
  const rows = (table) => {
    const plain = Object.entries(table).map(([name, column]) =>
      [name, Array.isArray(column) ? column : column.places.map((place) => column.words[place])]);
    const n = plain.length ? plain[0][1].length : 0;
    return Array.from({ length: n }, (_, i) => Object.fromEntries(plain.map(([name, values]) => [name, values[i]])));
  };

  const place = document.getElementById("downloads");
  const save = document.createElement("button");
  save.type = "button";
  save.textContent = "Download the tables as JSON";
  save.addEventListener("click", () => {
    const tables = JSON.parse(document.getElementById("audit-data").textContent);
    const plain = Object.fromEntries(Object.entries(tables).map(([name, table]) => [name, rows(table)]));
    const text = JSON.stringify(plain, null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = "audit-tables.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  place.append(save);
  place.hidden = false;
})();
