"""Several audits on one page: accuracy against the widest gap, and the worst-off groups side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from audit import formatting as fmt
from audit.comparison.compare import compare
from audit.comparison.run_effects import run_effect_table
from audit.conclusions.overview import Cell
from audit.figures.layout import (
    LEGEND_ROW_POINTS,
    Entry,
    axis_below,
    axis_left,
    legend,
    panel,
    series_mark,
)
from audit.figures.scales import limits_around
from audit.figures.svg import to_svg
from audit.report import components
from audit.report.components import effect_columns, table_of
from audit.report.html import fill_template
from audit.report.marks import interval_mark
from audit.report.section import ReportContext
from audit.report.sections.changes import widest_gap_changes
from audit.report.sections.overview import STATE_ICONS
from audit.report.verdict_strip import verdict
from audit.result import AuditResult
from audit.statistics.variation.prompt_variance import LEAST_PROMPTS
from clipmodel.errors import UserError
from clipmodel.plurals import number_of

PLOT_ROWS: Final = 14


@dataclass(frozen=True, kw_only=True)
class Side:
    """One question and grouping of one run."""

    group: str
    size: str
    mark: Markup
    state: str
    icon: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run in the head of the page."""

    name: str
    href: str
    verdict: str
    model: str
    data: str
    accuracy: str
    widest: str
    findings: str


def render_several(results: Mapping[str, AuditResult], *, links: Mapping[str, str] | None = None) -> str:
    """Return one page about several audits, self-contained.

    Parameters
    ----------
    results
        By the name of each run, in the order in which they are shown.
    links
        Addresses of their reports, relative to the page; runs without one are not linked.

    Notes
    -----
    The runs need not share images. Those that share them with the first are compared with it image by image:
    see `paired_with_first`.
    Of three runs or more that share images, each gap has the interval for another run of their kind.
    """
    contexts = {name: ReportContext(result=result) for name, result in results.items()}
    effects = run_effect_table(list(results.values()))
    page = {
        "effects": _effects(effects, contexts),
        "title": f"{len(results)} audits side by side",
        "runs": [_run(name, context, (links or {}).get(name, "")) for name, context in contexts.items()],
        "rows": _rows(contexts),
        "pareto": _pareto(contexts),
        "paired": paired_with_first(results),
    }
    return fill_template("several.html.j2", page, data="{}")


def paired_with_first(results: Mapping[str, AuditResult]) -> list[tuple[str, int, list[str]]]:
    """Return what each run changes against the first, on the images that both have.

    Returns
    -------
    list of (run, images matched, sentences)
        The widest changes of gaps that remain after correction, wider gaps first; runs without images or
        questions in common are left out.
    """
    (first_name, first), *others = results.items()
    found = []
    for name, other in others:
        try:
            comparison = compare(first, other)
        except UserError:  # no outcomes of images, or nothing in common
            continue
        rows = widest_gap_changes(comparison).to_dict("records")
        titles = ReportContext(result=first).titles
        told = [
            f"{titles[row['probe'], row['outcome']]}, {components.contrast(row)}: "
            f"{fmt.points(row['gap_first'])} to {fmt.points(row['gap_second'])}, a change of "
            f"{fmt.points(row['change'])} points ({fmt.points_interval(row['low'], row['high'])})"
            for row in rows
        ]
        found.append((f"{name} against {first_name}", int(comparison.about["matched"]), told))
    return found


def _effects(effects: pd.DataFrame, contexts: Mapping[str, ReportContext]) -> components.Table | None:
    """Gaps of people by one attribute, with other images and in another run; None without three runs."""
    first = next(iter(contexts.values()))
    own = effects[(effects["reference"] != "") & (effects["runs"] >= LEAST_PROMPTS)]
    own = own[components.of_people(own, first.result.manifest)]
    own = own[~own["by"].str.contains(" x ", regex=False)]
    if not len(own):
        return None
    rows = [row | {"title": first.titles[row["probe"], row["outcome"]]} for row in own.to_dict("records")]
    columns = effect_columns("run", "In another run")
    return table_of(rows, columns, caption="Differences in these runs and in another one")


def mean_accuracy(context: ReportContext) -> float:
    """Mean over the probes of accuracy over all images, in the specification that is told first."""
    accuracy, rates = context.result.accuracy, []
    for probe in context.probes:
        primary = components.primary_specification(accuracy, probe=probe)
        if primary is not None:
            rows = components.of_specification(accuracy, primary)
            names = components.attribute_columns({"probes": [probe]})
            rates.append(float(rows[(rows[names] == components.ALL).all(axis=1)]["rate"].iloc[0]))
    return sum(rates) / len(rates) if rates else math.nan


def widest_cell(context: ReportContext) -> Cell | None:
    """The widest gap in misclassification, so that it stands for the same thing as the accuracy."""
    judged = [c for c in context.cells if c.outcome == "misclassified" and not math.isnan(c.difference)]
    return max(judged, key=lambda cell: cell.difference, default=None)


def _run(name: str, context: ReportContext, href: str) -> Run:
    manifest, widest = context.result.manifest, widest_cell(context)
    return Run(
        name=name,
        href=href,
        verdict=verdict(context.result.verdict).word,
        model=f"{manifest['model']['name']} {manifest['model'].get('fingerprint', '')[:8]}".strip(),
        data=f"{manifest['data']['name']}, {number_of(manifest['data'].get('n_images'), 'image')}",
        accuracy=fmt.percent(mean_accuracy(context)),
        widest=fmt.MISSING
        if widest is None
        else f"{fmt.points(widest.difference)} ({fmt.words(widest.worse)})",
        findings=fmt.integer(len(context.result.findings)),
    )


def _rows(contexts: Mapping[str, ReportContext]) -> list[tuple[str, str, list[Side | None]]]:
    """A row per question and grouping that any run has; all marks share one axis."""
    by_run = {name: {(c.probe, c.outcome, c.by): c for c in one.cells} for name, one in contexts.items()}
    keys = list(dict.fromkeys(key for cells in by_run.values() for key in cells))
    titles = {key: title for one in contexts.values() for key, title in one.titles.items()}
    ends = [end for cells in by_run.values() for c in cells.values() for end in (c.low, c.high)]
    known = [end for end in ends if not math.isnan(end)]
    # At least 5 points, as in the overview, so that noise is not drawn over the whole width.
    axis = min([0.0, *known]), max([0.05, *known])
    rows = []
    for key in keys:
        sides = [_side(by_run[name].get(key), axis) for name in contexts]
        rows.append((titles[key[0], key[1]], fmt.words(key[2]), sides))
    return rows


def _side(cell: Cell | None, axis: tuple[float, float]) -> Side | None:
    if cell is None or math.isnan(cell.difference):
        return None
    filled = cell.state in ("confirmed", "explored")
    return Side(
        group=fmt.words(cell.worse),
        size=fmt.points(cell.difference),
        mark=interval_mark(cell.difference, cell.low, cell.high, axis=axis, filled=filled),
        state=cell.state,
        icon=STATE_ICONS[cell.state],
    )


def _pareto(contexts: Mapping[str, ReportContext]) -> str:
    """Draw mean accuracy against the widest gap, one mark per run; the better ones are up and to the left."""
    points = [
        (name, 100 * widest.difference, 100 * accuracy)
        for name, one in contexts.items()
        if (widest := widest_cell(one)) is not None and not math.isnan(accuracy := mean_accuracy(one))
    ]
    if len(points) < 2:
        return ""
    below = 40 + LEGEND_ROW_POINTS * -(-len(points) // 2)
    x, y = (
        limits_around(values, margin=0.15)
        for values in ([gap for _, gap, _ in points], [one for *_, one in points])
    )
    plot = panel(rows=PLOT_ROWS, left=["100.00 100"], right=["00"], below=below, x=x, y=y)
    axis_below(plot, label="widest gap in misclassification, points")
    axis_left(plot, label="mean accuracy, %")
    entries = []
    for index, (name, gap, accuracy) in enumerate(points):
        look = series_mark(index)
        plot.marks([gap], [accuracy], **look)
        entries.append(
            Entry(label=name, role=look["fill"], shape=look["shape"], size=look["size"], edge="paper")
        )
    legend(plot.drawing, entries, columns=2)
    told = "; ".join(f"{name} {accuracy:.1f} %, gap {gap:.1f}" for name, gap, accuracy in points)
    return to_svg(plot.drawing, name="pareto", title="Accuracy against the widest gap", description=told)


def names_of(folders: Sequence[Any]) -> list[str]:
    """Return the shortest distinct names of folders: the last part, or the whole path where that repeats."""
    last = [folder.name or str(folder) for folder in folders]
    return [str(f) if last.count(name) > 1 else name for f, name in zip(folders, last, strict=True)]
