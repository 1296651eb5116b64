// The tables inside the page, and how numbers are written: the same as in the words around them.

/** @typedef {Record<string, any>} Row */
/** @typedef {{words: string[], places: number[]}} Words */

/**
 * A column of words holds each word once; see frames_as_json.
 * @param {Record<string, any[] | Words>} table
 * @returns {Row[]}
 */
const rowsOf = (table) => {
  const columns = Object.entries(table).map(([name, column]) =>
    /** @type {[string, any[]]} */ ([name, Array.isArray(column) ? column : column.places.map((at) => column.words[at])]));
  const n = columns.length ? columns[0][1].length : 0;
  return Array.from({ length: n }, (_, i) => Object.fromEntries(columns.map(([name, values]) => [name, values[i]])));
};

/** @type {Record<string, Row[]>} */
const unpacked = {};
/** @type {Record<string, any> | null} */
let packed = null;

/** @returns {Record<string, any>} */
const allData = () => {
  const holder = document.getElementById("audit-data");
  packed = packed || JSON.parse((holder && holder.textContent) || "{}");
  return /** @type {Record<string, any>} */ (packed);
};

/** @param {string} name */
const tableOf = (name) => {
  unpacked[name] = unpacked[name] || rowsOf(allData()[name] || {});
  return unpacked[name];
};

/**
 * Integers as zigzag differences in base64, seven bits a byte; see audit/report/packing.py.
 * @param {string} text
 * @returns {number[]}
 */
const unpackIntegers = (text) => {
  const bytes = atob(text), found = [];
  let value = 0, shift = 0, current = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes.charCodeAt(i);
    value += (byte & 127) * 2 ** shift;
    shift += 7;
    if (byte < 128) {
      current += value % 2 ? -(value + 1) / 2 : value / 2;
      found.push(current);
      value = 0;
      shift = 0;
    }
  }
  return found;
};

/** @param {number | null} share */
const percent = (share) => (share === null || Number.isNaN(share) ? "\u2013" : `${(100 * share).toFixed(1)}\u00a0%`);
/** @param {number | null} difference */
const points = (difference) => {
  if (difference === null || Number.isNaN(difference)) return "\u2013";
  const rounded = Number((100 * difference).toFixed(1));
  return `${rounded > 0 ? "+" : rounded < 0 ? "\u2212" : "\u00b1"}${Math.abs(rounded).toFixed(1)}`;
};
/** @param {number | null} low @param {number | null} high */
const percentInterval = (low, high) =>
  low === null || high === null ? "\u2013" : `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}\u00a0%`;
/** @param {number | null} low @param {number | null} high */
const pointsInterval = (low, high) => (low === null || high === null ? "\u2013" : `${points(low)} to ${points(high)}`);
/** @param {number} n */
const integer = (n) => n.toLocaleString("en-US");
/** @param {number | null} p */
const pValue = (p) => (p === null || p === undefined ? "\u2013" : p < 0.001 ? "< 0.001" : p.toFixed(3));
/** @param {string} name */
const words = (name) => String(name).replace(/_/g, " ").replace(/ x /g, " \u00d7 ");

const Z = 1.959963984540054;

/** Wilson's interval. @param {number} x @param {number} n */
const wilson = (x, n) => {
  const p = x / n, z2 = Z * Z, middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const half = (Z / (1 + z2 / n)) * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  return [x === 0 ? 0 : middle - half, x === n ? 1 : middle + half];
};

/**
 * Difference of two proportions with Newcombe's interval, of counts over their design effect.
 * @param {number} x1 @param {number} n1 @param {number} x2 @param {number} n2 @param {number} effect
 */
const newcombe = (x1, n1, x2, n2, effect) => {
  if (!n1 || !n2) return { difference: null, low: null, high: null };
  const p1 = x1 / n1, p2 = x2 / n2;
  const [l1, u1] = wilson(x1 / effect, n1 / effect), [l2, u2] = wilson(x2 / effect, n2 / effect);
  const d = p1 - p2;
  return { difference: d, low: d - Math.hypot(p1 - l1, u2 - p2), high: d + Math.hypot(u1 - p1, p2 - l2) };
};

/**
 * An element with attributes and children.
 * @param {string} tag @param {Record<string, string>} attributes @param {...(Node | string)} children
 * @returns {any}
 */
const element = (tag, attributes = {}, ...children) => {
  const drawn = ["svg", "path", "circle", "rect", "line", "g", "text", "title"].includes(tag);
  const made = drawn ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

/**
 * A field of a form by its id.
 * @param {string} id
 * @returns {any}
 */
const field = (id) => document.getElementById(id);

/** @param {string} name @param {Blob} blob */
const saveFile = (name, blob) => {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
