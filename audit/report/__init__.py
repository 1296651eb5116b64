"""The report: an `AuditResult` as one self-contained HTML file that makes no network requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pandas as pd

from audit.report.html import fill_template, frames_as_json
from audit.report.section import ReportContext, Section
from audit.report.sections import SECTIONS
from audit.report.sections.explorer import explorer_data
from audit.report.verdict_strip import verdict_of
from audit.result import AuditResult
from audit.second_process import beside
from clipmodel.plurals import number_of

__all__ = ["render_report", "tables_as_json"]

PAGE_TABLES: Final = ("rates", "gaps", "findings")
ROWS_INSIDE: Final = 6_000
"""Rows of a table that the report carries at most; audit.json next to it has all."""
LEFT_OUT: Final = (
    "sentence", "noise", "caution", "note", "shrunk", "pooled", "pooled_low", "pooled_high", "p",
    "ratio", "ratio_low", "ratio_high", "smallest_detectable", "rate_group", "rate_reference",
    "count_group", "count_reference", "clusters_group", "clusters_reference", "design_effect_group",
    "design_effect_reference", "kish_n", "kish_group", "kish_reference", "df", "df_group", "df_reference",
    "correlation", "driven_by",
)  # fmt: skip
"""Columns that the scripts of the report do not need: the file is to stay small enough to mail."""


SLOWEST: Final = frozenset(
    {"accuracy", "designs", "measures", "outcomes", "paired", "specifications", "thresholds", "trends"}
)
"""Sections that take, all together, as long as the tables take to write and the others to build."""


def render_report(result: AuditResult, run_info: Mapping[str, Any] | None = None) -> str:
    """Return the report of an audit as one self-contained HTML page.

    Parameters
    ----------
    result
        The audit; every number on the page is one of its frames.
    run_info
        What run.json holds: command, started, seconds. None leaves them out of the method card.

    Returns
    -------
    str
        HTML. The same result and run_info give the same bytes.
    """
    with begun_report(result, run_info) as finished:
        return finished()


@contextmanager
def begun_report(
    result: AuditResult, run_info: Mapping[str, Any] | None = None
) -> Iterator[Callable[[], str]]:
    """Begin a report, in a second process if one is allowed, and give a function that returns the page.

    The time in between is for other work, such as writing the tables. Parameters as of `render_report`.
    """
    context = ReportContext(result=result, run_info=run_info or {})
    with beside(lambda: _built(context, slowest=True)) as later:

        def finished() -> str:
            own = _built(context, slowest=False)
            contents = own | later()
            shown = [
                (section, contents[section.id])
                for section in SECTIONS
                if contents[section.id] not in (None, [])
            ]
            page = _heading(context) | {"sections": shown}
            return fill_template("report.html.j2", page, data=tables_as_json(context))

        yield finished


def _built(context: ReportContext, *, slowest: bool) -> dict[str, Any]:
    """The values of the slowest sections, or of all others, by their anchors."""
    some: Sequence[Section] = [section for section in SECTIONS if (section.id in SLOWEST) == slowest]
    return {section.id: section.build(context) for section in some}


def tables_as_json(context: ReportContext) -> str:
    """Return what the scripts of the report read: `PAGE_TABLES`, and the choices of the explorer.

    Columns of `LEFT_OUT` are dropped, and of a table longer than `ROWS_INSIDE` the specifications that come
    last in the suite.
    """
    tables = {name: _trimmed(getattr(context.result, name)) for name in PAGE_TABLES}
    return frames_as_json(tables, more={"explorer": explorer_data(context)})


def _trimmed(table: pd.DataFrame) -> pd.DataFrame:
    # `ignore`: tables have some of these columns only where images come in clusters or have weights.
    return table.drop(columns=list(LEFT_OUT), errors="ignore").head(ROWS_INSIDE)


def _heading(context: ReportContext) -> dict[str, Any]:
    manifest = context.result.manifest
    return {
        "title": manifest["suite"].get("title") or manifest["suite"]["name"],
        "suite": manifest["suite"],
        "model": manifest["model"],
        "population": manifest.get("population"),
        "data": manifest["data"],
        "n_images": number_of(manifest["data"]["n_images"], "image"),
        "n_specifications": number_of(context.result.n_specifications, "specification"),
        "versions": manifest["versions"],
        "started": (context.run_info.get("started") or "").replace("T", " ").replace("+00:00", " UTC"),
        "verdict": verdict_of(context.result),
    }
