"""Size, time of writing and time of opening of large reports, against what they are allowed.

`python -m benchmarks.report_size [--report runs/quickstart/report.html]` writes a report of 14 groups,
7 probes, 64 class designs and 101 thresholds, and a page of 20 models side by side, from invented tables,
and opens them in Chromium where there is one. Writing and opening are limited in seconds of CPU, which a
busy machine does not change. It ends with exit code 1 if a page is too large or too slow.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from audit.report import render_report
from audit.report.several import render_several
from audit.result import AuditResult
from probes.records import ALL
from tests.audit.support.invented_audit import invented_result

GROUPS, PROBES, DESIGNS, THRESHOLDS, MODELS = 14, 7, 64, 101, 20
MB: Final = 1_000_000
OPENINGS: Final = 3
TIMEOUT_MS: Final = 120_000
BY, TEMPLATE = "skin_tone", "dark"  # the attribute and the group whose rows are multiplied
SMALL: Final = ("accuracy", "composition", "variation", "specifications")
_SHARES = ("rate", "low", "high", "band_low", "band_high", "shrunk", "pooled", "pooled_low", "pooled_high")
_DIFFERENCES = ("difference", "difference_low", "difference_high")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a page may take: bytes, seconds to write, seconds to open; None for what is not limited."""

    size: float
    write: float | None = None
    open: float | None = None


LIMITS: Final = {
    "default report": Limits(size=1.2 * MB, open=1.0),
    "14 groups x 7 probes x 64 designs x 101 thresholds": Limits(size=4 * MB, write=20.0),
    "20 models side by side": Limits(size=4 * MB, write=20.0),
}


def wide_result(
    *, groups: int = GROUPS, probes: int = PROBES, designs: int = DESIGNS, thresholds: int = THRESHOLDS,
    seed: int = 0,
) -> AuditResult:  # fmt: skip
    """An audit with that many of everything: one group of the invented audit many times, its shares moved.

    Tables that say something about a whole probe in several lines only (composition, variation) stay small.
    """
    base, rng = invented_result(), np.random.default_rng(seed)
    names = [f"group {place + 1}" for place in range(groups)]
    asked = [(f"question_{p + 1}", f"design_{d + 1}") for p in range(probes) for d in range(designs)]
    rates, curves = (_of_template(table) for table in (base.rates, base.curves))
    curves = _refined(curves, np.linspace(0, 1, thresholds).round(4))
    gaps = base.gaps[base.gaps["by"].eq(BY) & base.gaps["group"].eq(TEMPLATE)]
    gaps = _first_design(gaps)
    findings = base.findings[base.findings["group"].eq(TEMPLATE) & base.findings["by"].eq(BY)].iloc[:1]
    return replace(
        base,
        manifest=_manifest(base, names=names, probes=probes, designs=designs),
        rates=_multiplied(rates, names=[*names, ALL], asked=asked, column=BY, moved=_SHARES, rng=rng),
        curves=_multiplied(curves, names=[*names, ALL], asked=asked, column=BY, moved=_SHARES, rng=rng),
        gaps=_multiplied(gaps, names=names, asked=asked, column="group", moved=_DIFFERENCES, rng=rng),
        findings=_findings(findings, names=names, probes=probes).assign(reference=gaps["reference"].iloc[0]),
        **{name: getattr(base, name).iloc[:0] for name in SMALL},
    )  # fmt: skip


def _first_design(table: pd.DataFrame) -> pd.DataFrame:
    return table[
        (table["probe"] == "denigration") & (table["design"] == "default") & (table["outcome"] == "crime")
    ]


def _of_template(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of one probe, outcome and design: of the group that is multiplied."""
    own = _first_design(table)
    return own[own[BY].eq(TEMPLATE) & own["split"].eq(ALL) & own["gender"].eq(ALL)]


def _refined(curve: pd.DataFrame, thresholds: np.ndarray) -> pd.DataFrame:
    """A curve at more thresholds, between its points on a line."""
    known = curve.sort_values("threshold")
    rows = known.iloc[np.zeros(len(thresholds), int)].assign(threshold=thresholds)
    for name in ("count", *(name for name in _SHARES if name in known)):
        rows[name] = np.interp(thresholds, known["threshold"], known[name].to_numpy(float))
    return rows.assign(count=rows["count"].round().astype(known["count"].dtype))


def _multiplied(
    rows: pd.DataFrame, *, names: list[str], asked: list[tuple[str, str]], column: str,
    moved: tuple[str, ...], rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """The rows once for each group, probe and design; shares and counts times a factor of each copy."""
    copies, n = len(names) * len(asked), len(rows)
    table = rows.iloc[np.tile(np.arange(n), copies)].reset_index(drop=True)
    factor = np.repeat(rng.uniform(0.3, 1.0, copies), n)
    table[column] = np.repeat(np.tile(np.array(names, object), len(asked)), n)
    for place, name in enumerate(("probe", "design")):
        table[name] = np.repeat(np.array([one[place] for one in asked], object), n * len(names))
    for name in (one for one in moved if one in table):
        table[name] = table[name].to_numpy(float) * factor
    if "count" in table:
        table["count"] = (table["count"].to_numpy(float) * factor).round().astype(rows["count"].dtype)
    return table


def _findings(row: pd.DataFrame, *, names: list[str], probes: int) -> pd.DataFrame:
    """One finding for each group and probe."""
    table = row.iloc[np.zeros(len(names) * probes, int)].reset_index(drop=True)
    table["probe"] = np.repeat([f"question_{p + 1}" for p in range(probes)], len(names))
    table["group"] = np.tile(names, probes)
    table["id"] = [f"F{place + 1}" for place in range(len(table))]
    return table.assign(outcome="crime", design="design_1", rule="argmax", threshold=np.nan)


def _manifest(base: AuditResult, *, names: list[str], probes: int, designs: int) -> Any:
    probe = next(one for one in base.manifest["probes"] if one["name"] == "denigration")
    asked = [
        {**probe, "name": f"question_{place + 1}", "title": f"Question {place + 1}", "groups": [[BY]],
         "references": {}, "outcomes": [one for one in probe["outcomes"] if one["name"] == "crime"],
         "designs": [{**probe["designs"][0], "name": f"design_{d + 1}"} for d in range(designs)]}
        for place in range(probes)
    ]  # fmt: skip
    attributes = [
        {**one, "order": names} if one["name"] == BY else one for one in base.manifest["attributes"]
    ]
    return {**base.manifest, "probes": asked, "attributes": attributes}


def opening_seconds(page: Path) -> tuple[float, float] | None:
    """Median seconds of opening in Chromium, by the clock and of CPU; None without it.

    To the end of the load event; the CPU is that of the page's main thread, which parses, runs the script and
    draws.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if chromium is None:
        return None
    took = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(OPENINGS):
            tab = browser.new_page()
            tab.set_default_timeout(TIMEOUT_MS)
            tool = tab.context.new_cdp_session(tab)
            tool.send("Performance.enable", {"timeDomain": "threadTicks"})
            tab.goto(page.as_uri())
            clock = tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000
            found = {one["name"]: one["value"] for one in tool.send("Performance.getMetrics")["metrics"]}
            took.append((clock, found["TaskDuration"]))
            tab.close()
        browser.close()
    clocks, cpus = zip(*took, strict=True)
    return statistics.median(clocks), statistics.median(cpus)


def _written(render: Callable[[], str], path: Path) -> tuple[float, float]:
    """Wall and CPU seconds of writing a page."""
    wall, cpu = time.perf_counter(), time.process_time()
    path.write_text(render(), encoding="utf-8")
    return time.perf_counter() - wall, time.process_time() - cpu


def _line(name: str, path: Path, written: tuple[float, float] | None) -> bool:
    """Print a page's line; return whether it keeps its limits."""
    size, opened, limits = path.stat().st_size, opening_seconds(path), LIMITS[name]
    cells = ["– | –" if pair is None else f"{pair[0]:.2f} | {pair[1]:.2f}" for pair in (written, opened)]
    kept = (
        size <= limits.size
        and (limits.write is None or written is None or written[1] <= limits.write)
        and (limits.open is None or opened is None or opened[1] <= limits.open)
    )
    print(f"| {name} | {size / MB:.2f} | {' | '.join(cells)} | {'yes' if kept else 'NO'} |", flush=True)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--report", type=Path, help="report.html of the default audit, to open it too")
    options = parser.parse_args()
    print("| page | MB | writing, s | CPU s | opening, s | CPU s | within its limits |")
    print("|---|---:|---:|---:|---:|---:|---|")
    kept = []
    default, wide, many = LIMITS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.report is not None:
            kept.append(_line(default, options.report.absolute(), None))
        result, page = wide_result(), folder / "wide.html"
        kept.append(_line(wide, page, _written(lambda: render_report(result), page)))
        runs, several = [invented_result(place) for place in range(3)], folder / "several.html"
        named = {f"model {place + 1}": runs[place % len(runs)] for place in range(MODELS)}
        kept.append(_line(many, several, _written(lambda: render_several(named), several)))
    if not all(kept):
        sys.exit(1)


if __name__ == "__main__":
    main()
