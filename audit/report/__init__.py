"""The report: an `AuditResult` as one self-contained HTML file that makes no network requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import pandas as pd

from audit.report.html import fill_template, frames_as_json, template
from audit.report.section import ReportContext, Section
from audit.report.sections import SECTIONS
from audit.report.sections.explorer import explorer_data
from audit.report.verdict_strip import verdict_of
from audit.result import AuditResult
from audit.second_process import shared_jobs
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


FIRST: Final = ("outcomes", "summary", "specifications", "thresholds", "designs", "trends", "paired")
"""Sections that take longest, and are therefore begun first."""
_DATA: Final = "(data)"
_CELLS: Final = "(cells)"
PAGE: Final = "report.html.j2"
PARTS: Final = ("header.html.j2", "macros.html.j2")


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
    with begun_report(ReportContext(result=result, run_info=run_info or {})) as finished:
        return finished()


@contextmanager
def begun_report(context: ReportContext) -> Iterator[Callable[[], str]]:
    """Begin a report, in a second process if one is allowed, and give a function that returns the page.

    The time in between is for other work, such as writing the tables. Afterwards the context knows the cells
    of the overview, whichever process made them.
    """
    with shared_jobs(_jobs(context)) as results:

        def finished() -> str:
            contents = {name: value for found in results().values() for name, value in found.items()}
            vars(context)["cells"] = contents[_CELLS]  # as `cached_property` does
            shown = [
                (section, contents[section.id])
                for section in SECTIONS
                if contents[section.id] not in (None, [])
            ]
            page = _heading(context) | {"sections": shown}
            return fill_template(PAGE, page, data=contents[_DATA])

        yield finished


def load_templates() -> None:
    """Compile the templates of the page, for a process that has time before it makes one."""
    for name in (PAGE, *PARTS, *(section.template for section in SECTIONS)):
        template(name)


def _jobs(context: ReportContext) -> dict[str, Callable[[], dict[str, Any]]]:
    """What builds the values of the sections, by their anchors, and the tables inside the page."""

    def build(section: Section) -> dict[str, Any]:
        found = {section.id: section.build(context)}
        # With the overview, whose cells say which view opens first.
        if section.id == "summary":
            found |= {_DATA: tables_as_json(context), _CELLS: context.cells}
        return found

    sections = {section.id: section for section in SECTIONS}
    ordered = [*FIRST, *(anchor for anchor in sections if anchor not in FIRST)]
    return {anchor: partial(build, sections[anchor]) for anchor in ordered}


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
