// A link reproduces the view: what was chosen follows the # of the address.

/** @type {{read: (view: URLSearchParams) => void, write: (view: URLSearchParams) => void}[]} */
const viewParts = [];

/** @param {(view: URLSearchParams) => void} read @param {(view: URLSearchParams) => void} write */
const onView = (read, write) => viewParts.push({ read, write });

const keepView = () => {
  const view = new URLSearchParams();
  for (const part of viewParts) part.write(view);
  const query = view.toString();
  history.replaceState(null, "", query ? `#explore?${query}` : location.pathname + location.search);
};

// A link to something folded opens it. A finding opens its evidence.
const reveal = () => {
  const [anchor, query] = location.hash.slice(1).split("?");
  if (query !== undefined) for (const part of viewParts) part.read(new URLSearchParams(query));
  const target = anchor ? document.getElementById(anchor) : null;
  if (!target) return;
  target.hidden = false;
  /** @type {any} */
  let box = target.closest("details") || target.querySelector(":scope > details.chapter, :scope details.toggle");
  if (target.matches("details")) box = target;
  for (; box; box = box.parentElement.closest("details")) box.open = true;
  target.scrollIntoView();
};

const startView = () => {
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((box) => { box.open = true; }));
  reveal();
};
