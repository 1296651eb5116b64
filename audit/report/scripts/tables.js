// Tables: sort by a heading, filter the findings, save as CSV.

/** @param {string} text */
const numberIn = (text) => {
  const plain = text.replace(/,/g, "").replace("\u2212", "-").replace(/^[<\u00b1]\s*/, "");
  const value = Number.parseFloat(plain);
  return Number.isNaN(value) ? null : value;
};

/** @param {string} a @param {string} b */
const compareText = (a, b) => {
  const x = numberIn(a), y = numberIn(b);
  if (x !== null && y !== null) return x - y;
  if (x !== null || y !== null) return x !== null ? -1 : 1;
  return a.localeCompare(b);
};

/** What a row is sorted by. @param {HTMLTableRowElement} row @param {number} column */
const sortText = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.value || (cell.textContent || "").trim();
};

/** A finding and its evidence are one body of the table; elsewhere each row moves alone.
 * @param {HTMLTableElement} table @param {number} column @param {HTMLElement} header */
const sortTable = (table, column, header) => {
  const down = header.getAttribute("aria-sort") === "ascending";
  for (const other of /** @type {any} */ (table.tHead).rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const bodies = [...table.tBodies];
  const units = bodies.length > 1 ? bodies : [...bodies[0].rows];
  /** @param {any} unit */
  const first = (unit) => unit.rows ? unit.rows[0] : unit;
  units.sort((a, b) => (down ? -1 : 1) * compareText(sortText(first(a), column), sortText(first(b), column)));
  if (bodies.length > 1) table.append(...units);
  else bodies[0].append(...units);
};

/** @param {HTMLTableElement} table */
const asCsv = (table) => {
  /** @param {string} text */
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
  const rows = [...table.rows].filter((row) => !row.classList.contains("evidence"));
  return rows.map((row) => [...row.cells]
    .map((cell) => quoted((cell.textContent || "").replace(/\s+/g, " ").trim())).join(",")).join("\n") + "\n";
};

const startTables = () => {
  for (const table of /** @type {NodeListOf<HTMLTableElement>} */ (document.querySelectorAll("table.sortable"))) {
    [.../** @type {any} */ (table.tHead).rows[0].cells].forEach((header, column) => {
      const button = element("button", { type: "button" }, header.textContent || "");
      button.addEventListener("click", () => sortTable(table, column, header));
      header.replaceChildren(button);
    });
    const save = element("button", { type: "button", class: "save" }, "Save CSV");
    const name = table.caption ? table.caption.textContent || "table" : "table";
    save.setAttribute("aria-label", `Save CSV: ${name}`);
    save.addEventListener("click", () =>
      saveFile(`${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.csv`, new Blob([asCsv(table)], { type: "text/csv" })));
    const around = table.closest(".scroll");
    if (around) around.after(element("p", { class: "actions" }, save));
  }
};

const startFindings = () => {
  const table = document.querySelector("#findings table");
  const tools = /** @type {HTMLElement | null} */ (document.querySelector("#findings .tools"));
  if (!table || !tools) return;
  tools.hidden = false;
  const search = field("findings-search");
  const pickers = ["probe", "by", "state"].map((name) => [name, field(`findings-${name}`)]).filter(([, box]) => box);
  const bodies = /** @type {NodeListOf<HTMLElement>} */ (table.querySelectorAll("tbody"));
  const apply = () => {
    const text = search.value.trim().toLowerCase();
    let shown = 0;
    for (const body of bodies) {
      const fits = pickers.every(([name, box]) => !box.value || body.dataset[name] === box.value);
      body.hidden = !(fits && (!text || (body.textContent || "").toLowerCase().includes(text)));
      shown += body.hidden ? 0 : 1;
    }
    field("findings-count").textContent = `${shown} of ${bodies.length} shown`;
  };
  for (const box of [search, ...pickers.map(([, box]) => box)]) box.addEventListener("input", () => { apply(); keepView(); });
  onView((view) => {
    search.value = view.get("find") || "";
    for (const [name, box] of pickers) box.value = view.get(`f-${name}`) || "";
    apply();
  }, (view) => {
    if (search.value) view.set("find", search.value);
    for (const [name, box] of pickers) if (box.value) view.set(`f-${name}`, box.value);
  });
  apply();
};
