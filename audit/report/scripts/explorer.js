// The explorer: every rate, gap and interval of one question, under a class design, template and threshold.

/** @typedef {{probe: string, outcome: string, design: string, template: string, by: string, reference: string,
 *   group: string, threshold: number | null, weighted?: boolean}} Choice */

const ALL = "(all)";
const REST = "the rest";

/** Which of the packed thresholds is meant. @param {number[]} thresholds @param {number} wanted */
const nearest = (thresholds, wanted) => thresholds.reduce((best, value, at) =>
  (Math.abs(value - wanted) < Math.abs(thresholds[best] - wanted) ? at : best), 0);

/** @param {Row} row @param {Choice} choice */
const isAsked = (row, choice) => row.probe === choice.probe && row.outcome === choice.outcome &&
  row.design === choice.design && row.template === choice.template &&
  (choice.threshold === null ? row.rule === ruleNames().prediction
    : row.rule === ruleNames().curve && Math.abs(row.threshold - choice.threshold) < 1e-9);

/** The names and words of the assignment rules, from the data of the page. */
const ruleNames = () => allData().explorer.rules;

/** A rule in words. @param {string} rule @param {number | null} threshold */
const ruleWords = (rule, threshold) =>
  (ruleNames().words[rule] || words(rule)).replace("{threshold}", threshold === null ? "" : String(threshold));

/** Rates of a choice from the tables of the audit. @param {Choice} choice @param {string[]} names */
const tableRates = (choice, names) => {
  const wanted = choice.by.split(" x ");
  return tableOf("rates").filter((row) => isAsked(row, choice) &&
    names.every((name) => (row[name] !== ALL) === wanted.includes(name))).map((row) => ({
    group: wanted.map((name) => row[name]).join(" x "), n: row.n, clusters: row.clusters, count: row.count,
    rate: row.rate, low: row.low, high: row.high, effect: row.design_effect || 1,
  }));
};

/** The design effect of each group between two thresholds of the suite: the larger of theirs, and beyond the
 * last the last one's. Without any, that of the highest-scoring class. @param {Choice} choice @param {string[]} names */
const effectsNear = (choice, names) => {
  const wanted = choice.by.split(" x "), threshold = choice.threshold || 0;
  const own = tableOf("rates").filter((row) => isAsked(row, { ...choice, threshold: row.threshold }) &&
    names.every((name) => (row[name] !== ALL) === wanted.includes(name)));
  return (/** @type {string} */ group) => {
    const rows = own.filter((row) => wanted.map((name) => row[name]).join(" x ") === group);
    const ruled = rows.filter((row) => row.threshold !== null).sort((a, b) => a.threshold - b.threshold);
    const below = ruled.filter((row) => row.threshold <= threshold).slice(-1);
    const above = ruled.filter((row) => row.threshold > threshold).slice(0, 1);
    const near = ruled.length ? [...below, ...above] : rows;
    return Math.max(1, ...near.map((row) => row.design_effect || 1));
  };
};

/** Rates at any threshold of the curve. @param {Choice} choice @param {Row} info */
const curveRates = (choice, info) => {
  const pack = info.curves[[choice.design, choice.template, choice.outcome, choice.by].join("\u001f")];
  if (!pack || choice.threshold === null) return [];
  const at = nearest(info.thresholds, choice.threshold), length = info.thresholds.length;
  const effectOf = effectsNear(choice, info.attributes);
  const [count, low, high] = ["count", "low", "high"].map((name) => {
    pack[`${name}s`] = pack[`${name}s`] || unpackIntegers(pack[name]);
    return pack[`${name}s`];
  });
  return pack.groups.map((/** @type {string} */ group, /** @type {number} */ g) => {
    const place = g * length + at, n = pack.n[g], known = low[place] >= 0;
    return {
      group, n, clusters: pack.clusters[g], count: count[place], rate: known ? count[place] / n : null,
      effect: effectOf(group),
      low: known ? low[place] / 1000 : null, high: known ? high[place] / 1000 : null,
    };
  });
};

/** The gap of a group: that of the audit if it has it, else computed from the counts.
 * @param {any} own @param {any[]} rates @param {Choice} choice */
const gapOf = (own, rates, choice) => {
  const asked = tableOf("gaps").find((row) => isAsked(row, choice) && row.by === choice.by && row.group === own.group);
  if (!choice.reference && asked) {
    return { reference: asked.reference, difference: asked.difference, low: asked.difference_low,
      high: asked.difference_high, p: asked.p_adjusted, given: true };
  }
  if (choice.weighted) return null;
  const usual = tableOf("gaps").find((row) => row.probe === choice.probe && row.by === choice.by && row.group === own.group);
  const reference = choice.reference || (usual ? usual.reference : "");
  if (!reference || reference === own.group || own.rate === null) return null;
  const others = reference === REST ? rates.filter((one) => one !== own) : rates.filter((one) => one.group === reference);
  const sum = (/** @type {string} */ name) => others.reduce((total, one) => total + one[name], 0);
  if (!others.length) return null;
  const effect = Math.max(own.effect, ...others.map((one) => one.effect));
  return { reference, ...newcombe(own.count, own.n, sum("count"), sum("n"), effect), p: null, given: false };
};

/** Images, and in brackets the clusters they come from if those are fewer. @param {any} row */
const sizeText = (row) => integer(row.n) + (row.clusters < row.n ? ` (${integer(row.clusters)})` : "");

/** @param {any[]} rows @param {"rate" | "difference"} value */
const intervalPlot = (rows, value) => {
  const known = rows.filter((row) => row && row[value] !== null);
  const ends = known.flatMap((row) => [row.low, row.high, row[value]]).filter((end) => end !== null);
  const low = value === "rate" ? 0 : Math.min(0, ...ends), high = Math.max(0.01, ...ends), room = high - low || 1;
  const x = (/** @type {number} */ at) => `${(3 + 94 * ((at - low) / room)).toFixed(2)}%`;
  return rows.map((row) => {
    const svg = element("svg", { class: "mark wide", "aria-hidden": "true" });
    svg.append(element("line", { class: "zero", x1: x(0), x2: x(0), y2: "14" }));
    if (row && row[value] !== null) {
      if (row.low !== null) svg.append(element("line", { class: "span", x1: x(row.low), x2: x(row.high), y1: "7", y2: "7" }));
      svg.append(element("circle", { class: "point full", cx: x(row[value]), cy: "7", r: "3.5" }));
    }
    return svg;
  });
};

/** @param {any} box @param {[string, string][]} options @param {string} wanted */
const fill = (box, options, wanted) => {
  box.replaceChildren(...options.map(([value, label]) => element("option", { value }, label)));
  box.value = options.some(([value]) => value === wanted) ? wanted : options[0] ? options[0][0] : "";
  box.parentElement.hidden = options.length < 2;
};

/** The specification curve of a contrast; what is brushed is summed up in words. @param {Choice} choice @param {string} group */
const drawCurve = (choice, group) => {
  const rows = tableOf("gaps").filter((row) => row.probe === choice.probe && row.outcome === choice.outcome &&
    row.by === choice.by && row.group === group && row.difference !== null).sort((a, b) => a.difference - b.difference);
  const box = field("explore-curve"), from = field("brush-from"), to = field("brush-to");
  field("explore-brush").hidden = rows.length < 2;
  if (rows.length < 2) return;
  for (const end of [from, to]) end.max = String(rows.length);
  if (box.dataset.of !== JSON.stringify([choice.probe, choice.outcome, choice.by, group])) {
    box.dataset.of = JSON.stringify([choice.probe, choice.outcome, choice.by, group]);
    from.value = "1";
    to.value = String(rows.length);
  }
  const first = Math.min(Number(from.value), Number(to.value)), last = Math.max(Number(from.value), Number(to.value));
  const ends = rows.flatMap((row) => [row.difference_low, row.difference_high, 0]).filter((end) => end !== null);
  const low = Math.min(...ends), high = Math.max(...ends), room = high - low || 1;
  const y = (/** @type {number} */ at) => 6 + 128 * ((high - at) / room);
  const x = (/** @type {number} */ at) => 8 + (784 * (at + 0.5)) / rows.length;
  const svg = element("svg", { viewBox: "0 0 800 140", class: "brush", "aria-hidden": "true" });
  svg.append(element("rect", { class: "band", y: "0", height: "140", x: (x(first - 1) - 392 / rows.length).toFixed(1),
    width: ((784 * (last - first + 1)) / rows.length).toFixed(1) }));
  svg.append(element("path", { class: "zero", d: `M0 ${y(0).toFixed(1)}H800` }));
  rows.forEach((row, at) => {
    const shown = row.p_adjusted !== null && row.p_adjusted < 0.05;
    if (row.difference_low !== null) {
      svg.append(element("path", { class: "span", d: `M${x(at).toFixed(1)} ${y(row.difference_low).toFixed(1)}V${y(row.difference_high).toFixed(1)}` }));
    }
    svg.append(element("circle", { class: shown ? "point full" : "point", cx: x(at).toFixed(1), cy: y(row.difference).toFixed(1), r: "4" }));
  });
  const place = (/** @type {PointerEvent} */ event) => {
    const frame = svg.getBoundingClientRect();
    const at = Math.ceil(((event.clientX - frame.left) / frame.width) * rows.length);
    return String(Math.min(rows.length, Math.max(1, at)));
  };
  svg.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => { box.dataset.start = place(event); });
  svg.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
    from.value = box.dataset.start || "1";
    to.value = place(event);
    from.dispatchEvent(new Event("input"));
  });
  box.replaceChildren(svg);
  const chosen = rows.slice(first - 1, last), middle = chosen[Math.floor((chosen.length - 1) / 2)];
  const list = (/** @type {string} */ name) => [...new Set(chosen.map((row) => words(row[name])))].join(", ");
  const rules = [...new Set(chosen.map((row) => ruleWords(row.rule, row.threshold)))];
  field("explore-brushed").textContent = `${words(group)} against ${words(rows[0].reference)}: ${chosen.length} of ${rows.length} ` +
    `specifications, ${points(chosen[0].difference)} to ${points(chosen[chosen.length - 1].difference)} points, median ${points(middle.difference)}. ` +
    `Class designs: ${list("design")}. Templates: ${list("template")}. Rules: ${rules.join(", ")}.`;
};

const startExplorer = () => {
  const section = document.getElementById("explore"), explorer = (allData().explorer || {}).probes;
  if (!section || !explorer || !explorer.length) return;
  section.hidden = false;
  document.querySelectorAll("[data-needs-script]").forEach((one) => { /** @type {HTMLElement} */ (one).hidden = false; });
  const names = explorer[0].attributes;
  const at = (/** @type {string} */ name) => field(`explore-${name}`);
  /** @type {Choice} */
  const wanted = { probe: explorer[0].name, outcome: "", design: "", template: "", by: "", reference: "", group: "",
    threshold: null, ...allData().explorer.start };

  const show = () => {
    const info = explorer.find((/** @type {Row} */ one) => one.name === wanted.probe) || explorer[0];
    fill(at("probe"), explorer.map((/** @type {Row} */ one) => [one.name, one.title]), info.name);
    fill(at("outcome"), info.outcomes, wanted.outcome);
    fill(at("design"), info.designs.map((/** @type {string} */ name) => [name, words(name)]), wanted.design);
    fill(at("template"), info.templates.map((/** @type {string} */ name) => [name, words(name)]), wanted.template);
    fill(at("by"), info.groupings.map((/** @type {string} */ name) => [name, words(name)]), wanted.by);
    const slider = at("threshold"), ruled = info.thresholds.length > 0;
    field("explore-rule").hidden = !ruled;
    at("scores").checked = ruled && wanted.threshold !== null;
    slider.max = String(Math.max(0, info.thresholds.length - 1));
    slider.disabled = wanted.threshold === null || !ruled;
    if (wanted.threshold !== null && ruled) slider.value = String(nearest(info.thresholds, wanted.threshold));
    const threshold = ruled && wanted.threshold !== null ? info.thresholds[Number(slider.value)] : null;
    /** @type {Choice} */
    const choice = { ...wanted, threshold, probe: info.name, outcome: at("outcome").value, design: at("design").value,
      template: at("template").value, by: at("by").value, weighted: info.weighted };
    let rates = tableRates(choice, names);
    const between = !rates.length;
    if (between) rates = curveRates(choice, info);
    fill(at("reference"), [["", "as in the audit"], ...(info.weighted ? [] : rates).map((row) => /** @type {[string, string]} */ ([row.group, words(row.group)]))], wanted.reference);
    choice.reference = at("reference").value;
    Object.assign(wanted, choice, { group: wanted.group });
    const said = ruleWords(threshold === null ? ruleNames().prediction : ruleNames().curve, threshold);
    at("said").textContent = threshold === null ? "" : String(threshold);
    slider.setAttribute("aria-valuetext", said);
    const gaps = rates.map((row) => gapOf(row, rates, choice));
    const rateMarks = intervalPlot(rates, "rate"), gapMarks = intervalPlot(gaps, "difference");
    at("rows").replaceChildren(...rates.map((row, i) => {
      const gap = gaps[i], made = element("tr", {}, element("th", { scope: "row" }, words(row.group)));
      const cells = [sizeText(row), integer(row.count), percent(row.rate), rateMarks[i], percentInterval(row.low, row.high),
        gap ? words(gap.reference) : "\u2013", points(gap ? gap.difference : null), gapMarks[i],
        pointsInterval(gap ? gap.low : null, gap ? gap.high : null), gap && gap.given ? pValue(gap.p) : "\u2013"];
      for (const cell of cells) made.append(element("td", {}, cell));
      return made;
    }));
    const computed = gaps.some((gap) => gap && !gap.given && gap.difference !== null);
    at("note").textContent = `${words(choice.design)}, ${words(choice.template)}, ${said}. ` + (computed
      ? "Gaps are computed here from the counts (Newcombe; the larger design effect of the two sides" +
        (between ? ", between thresholds of the suite the larger of its neighbours)" : ")") + ", without a p-value."
      : "All numbers are those of audit.json.");
    const widest = gaps.map((gap, i) => ({ group: rates[i].group, size: gap && gap.difference !== null ? Math.abs(gap.difference) : -1 }))
      .sort((a, b) => b.size - a.size)[0];
    const followed = rates.some((row) => row.group === wanted.group) ? wanted.group : widest ? widest.group : "";
    drawCurve(choice, followed);
  };

  for (const name of ["probe", "outcome", "design", "template", "by", "reference"]) {
    at(name).addEventListener("change", () => {
      /** @type {any} */ (wanted)[name] = at(name).value;
      if (name !== "reference") wanted.reference = name === "by" || name === "probe" ? "" : wanted.reference;
      if (name === "by" || name === "probe") wanted.group = "";
      show();
      keepView();
    });
  }
  const thresholds = () => explorer.find((/** @type {Row} */ one) => one.name === wanted.probe).thresholds;
  at("threshold").addEventListener("input", () => { wanted.threshold = thresholds()[Number(at("threshold").value)]; show(); keepView(); });
  at("scores").addEventListener("change", () => {
    wanted.threshold = at("scores").checked ? thresholds()[nearest(thresholds(), 0.5)] : null;
    show();
    keepView();
  });
  for (const end of ["brush-from", "brush-to"]) field(end).addEventListener("input", () => { show(); keepView(); });
  onView((view) => {
    for (const name of ["probe", "outcome", "design", "template", "by", "reference", "group"]) {
      if (view.has(name)) /** @type {any} */ (wanted)[name] = view.get(name);
    }
    wanted.threshold = view.has("threshold") ? Number(view.get("threshold")) : null;
    show();
    if (view.has("from")) { field("brush-from").value = view.get("from"); field("brush-to").value = view.get("to"); show(); }
  }, (view) => {
    for (const [name, value] of Object.entries(wanted)) if (value !== "" && value !== null) view.set(name, String(value));
    const [from, to] = [field("brush-from"), field("brush-to")];
    if (from.value !== "1" || to.value !== to.max) { view.set("from", from.value); view.set("to", to.value); }
  });
  show();
};
