"""An index of a folder of runs: a search field, the verdict of each, and trend lines over releases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from audit import formatting as fmt
from audit.conclusions.overview import Cell
from audit.figures.layout import LEGEND_ROW_POINTS, Entry, axis_below, axis_left, legend, panel
from audit.figures.scales import limits_around
from audit.figures.svg import to_svg
from audit.report.components import slug
from audit.report.html import fill_template, script_file
from audit.report.section import ReportContext
from audit.report.several import mean_accuracy, widest_cell
from audit.report.verdict_strip import verdict
from audit.result import AuditResult

PLOT_ROWS: Final = 9
SEARCH_SCRIPT: Final = script_file("search")


@dataclass(frozen=True, kw_only=True)
class IndexedRun:
    """A run of the folder.

    Attributes
    ----------
    name
        Its folder, relative to the index.
    result
        Its audit.
    started
        When it ran, as in run.json; "" where that is not known.
    href
        Address of its report, relative to the page; "" without one.
    """

    name: str
    result: AuditResult
    started: str = ""
    href: str = ""


def render_index(runs: Sequence[IndexedRun]) -> str:
    """Return the index as one self-contained page; runs in the order of their start.

    Trend lines join runs of one suite on one data set: mean accuracy, and the widest gap in
    misclassification. They are no test: `clip-audit compare` makes the paired one.
    """
    # The name breaks ties, so that runs without a start keep one order.
    ordered = sorted(runs, key=lambda run: (run.started, run.name))
    contexts = {run.name: ReportContext(result=run.result) for run in ordered}
    series: dict[tuple[str, str], list[IndexedRun]] = {}
    for run in ordered:
        manifest = run.result.manifest
        series.setdefault((manifest["suite"]["name"], manifest["data"]["name"]), []).append(run)
    page = {
        "title": f"{len(ordered)} runs",
        "runs": [_row(run, contexts[run.name]) for run in reversed(ordered)],
        "trends": [
            _trend(suite, data, own, contexts) for (suite, data), own in series.items() if len(own) > 1
        ],
    }
    return fill_template("runs_index.html.j2", page, data="{}", script=SEARCH_SCRIPT)


def _row(run: IndexedRun, context: ReportContext) -> dict[str, str]:
    manifest, cell = run.result.manifest, widest_cell(context)
    return {
        "name": run.name, "href": run.href, "started": run.started[:16].replace("T", " "),
        "suite": manifest["suite"]["name"], "model": manifest["model"]["name"],
        "data": manifest["data"]["name"], "verdict": verdict(run.result.verdict).word,
        "accuracy": fmt.percent(mean_accuracy(context)), "gap": _gap_words(cell),
        "findings": fmt.integer(len(run.result.findings)),
    }  # fmt: skip


def _gap_words(cell: Cell | None) -> str:
    return fmt.MISSING if cell is None else f"{fmt.points(cell.difference)} ({fmt.words(cell.worse)})"


def _trend(
    suite: str, data: str, runs: Sequence[IndexedRun], contexts: Mapping[str, ReportContext]
) -> dict[str, Any]:
    """A figure of one suite on one data set, with the interval of each gap."""
    cells = [widest_cell(contexts[run.name]) for run in runs]
    accuracy = [100 * mean_accuracy(contexts[run.name]) for run in runs]
    gaps = [math.nan if cell is None else 100 * cell.difference for cell in cells]
    places = [float(place) for place in range(1, len(runs) + 1)]
    lows = [math.nan if cell is None else 100 * cell.low for cell in cells]
    highs = [math.nan if cell is None else 100 * cell.high for cell in cells]
    y = limits_around([*accuracy, *gaps, *lows, *highs])
    below = 40 + LEGEND_ROW_POINTS
    plot = panel(rows=PLOT_ROWS, left=["100.00"], right=["00"], below=below, x=limits_around(places), y=y)
    axis_left(plot)
    names = [f"{place:g}" for place in places]
    # Runs at equal distances: releases are compared in their order, and dates would crowd most of them.
    axis_below(plot, label="runs, from the earliest", ticks=places, names=names, grid=False)
    plot.spans(places, lows, highs, role="ink", width=1, upright=True)
    entries = []
    for label, values, role, shape, dash in (
        ("mean accuracy, %", accuracy, "accent", "o", ()),
        ("widest gap, points", gaps, "ink", "s", (5.5, 2.5)),
    ):
        plot.line(places, values, role=role, width=1.5, dash=dash)
        plot.marks(places, values, shape=shape, size=6, role=role)
        entries.append(Entry(label=label, role=role, shape=shape, size=6, width=1.5, dash=dash))
    legend(plot.drawing, entries, columns=2)
    told = "; ".join(
        f"{run.name}: accuracy {value:.1f} %, gap {gap:.1f}"
        for run, value, gap in zip(runs, accuracy, gaps, strict=True)
    )
    title = f"{fmt.words(suite)} on {data}"
    name = slug("trend", suite, data)
    return {
        "title": title,
        "svg": to_svg(plot.drawing, name=name, title=title, description=told),
        "told": told,
    }
