// Figures: save as SVG or PNG, with the colours as they are shown.

const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "paint-order", "font-size", "font-weight", "opacity"];

/** A copy that looks the same outside of the page. @param {SVGSVGElement} svg */
const standaloneCopy = (svg) => {
  const copy = /** @type {SVGSVGElement} */ (svg.cloneNode(true));
  const originals = [svg, ...svg.querySelectorAll("*")], copies = [copy, ...copy.querySelectorAll("*")];
  originals.forEach((original, at) => {
    const seen = getComputedStyle(original);
    copies[at].setAttribute("style", STYLES.map((name) => `${name}:${seen.getPropertyValue(name)}`).join(";"));
  });
  const { width, height } = svg.viewBox.baseVal;
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  copy.setAttribute("font-family", "sans-serif");
  const ground = getComputedStyle(document.body).backgroundColor;
  copy.prepend(element("rect", { width: String(width), height: String(height), style: `fill:${ground}` }));
  return { text: new XMLSerializer().serializeToString(copy), width, height };
};

/** @param {SVGSVGElement} svg @param {string} name */
const savePng = (svg, name) => {
  const { text, width, height } = standaloneCopy(svg);
  const image = new Image();
  image.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = 3 * width;
    canvas.height = 3 * height;
    /** @type {any} */ (canvas.getContext("2d")).drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => blob && saveFile(`${name}.png`, blob));
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
};

const startFigures = () => {
  for (const figure of document.querySelectorAll("figure")) {
    const svg = /** @type {SVGSVGElement | null} */ (figure.querySelector("svg.figure"));
    const caption = figure.querySelector("figcaption");
    if (!svg || !caption) continue;
    const title = svg.querySelector("title");
    const name = ((title && title.textContent) || "figure").toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 80);
    const asSvg = element("button", { type: "button", class: "save", "aria-label": `Save SVG: ${name}` }, "SVG");
    const asPng = element("button", { type: "button", class: "save", "aria-label": `Save PNG: ${name}` }, "PNG");
    asSvg.addEventListener("click", () =>
      saveFile(`${name}.svg`, new Blob([standaloneCopy(svg).text], { type: "image/svg+xml" })));
    asPng.addEventListener("click", () => savePng(svg, name));
    caption.append(" ", asSvg, " ", asPng);
  }
};

const startDownload = () => {
  const place = document.getElementById("downloads");
  if (!place) return;
  const save = element("button", { type: "button" }, "Download the tables as JSON");
  save.addEventListener("click", () => {
    const tables = Object.fromEntries(Object.keys(allData()).filter((name) => name !== "explorer")
      .map((name) => [name, tableOf(name)]));
    saveFile("audit-tables.json", new Blob([JSON.stringify(tables, null, 1)], { type: "application/json" }));
  });
  place.append(save);
  place.hidden = false;
};
