// The index of runs: a search field hides the rows that lack one of its words.
const field = /** @type {HTMLInputElement} */ (document.getElementById("search"));
const rows = /** @type {HTMLTableRowElement[]} */ ([...document.querySelectorAll("#runs tbody tr")]);
const count = /** @type {HTMLElement} */ (document.getElementById("shown"));
const show = () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) {
    const text = [...row.cells].map((cell) => cell.textContent).join("\n").toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
};
field.addEventListener("input", show);
/** @type {HTMLElement} */ (field.closest("p")).hidden = false;
show();
