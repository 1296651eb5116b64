"""A comparison as files: compare.json, the tables of changes, and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from audit.comparison.compare import Comparison
from audit.comparison.series import Series
from audit.csv_cells import write_csv
from audit.json_tables import dump
from audit.report.html import fill_template, frames_as_json
from audit.report.sections.changes import comparison_page
from audit.report.sections.run_changes import run_changes_page
from audit.result import AuditResult
from clipmodel.atomic_files import replace_folder

TABLES: Final = ("changes", "gap_changes")
FILES: Final = (
    "compare.json", "compare.html", *(f"{name}.{suffix}" for name in TABLES for suffix in ("parquet", "csv"))
)  # fmt: skip

RUN_FILES: Final = ("compare.json", "compare.html", "run_changes.csv", "run_changes.parquet")
RELEASE_FILES: Final = ("releases.csv", "releases.parquet")


def to_json(comparison: Comparison) -> str:
    """The text of compare.json: the same bytes from the same comparison."""
    document = {
        "about": comparison.about,
        "verdict": comparison.verdict,
        "sentence": comparison.sentence,
        "margin": comparison.margin,
        "columns": {name: list(table.columns) for name, table in _tables(comparison).items()},
    }
    return dump(document, _tables(comparison))


def render_comparison(comparison: Comparison, *, manifest: Mapping[str, Any]) -> str:
    """Return the page of a comparison, self-contained.

    Parameters
    ----------
    manifest
        Of the first audit, for titles and for which attributes are of people.
    """
    data = frames_as_json(_tables(comparison))
    return fill_template("compare.html.j2", comparison_page(comparison, manifest), data=data)


def write_comparison(comparison: Comparison, folder: Path, *, manifest: Mapping[str, Any]) -> None:
    """Write `FILES` into a folder; whole, or not at all, and other files there are kept.

    Raises
    ------
    UserError
        The folder cannot be written.
    """

    def fill(content: Path) -> None:
        (content / "compare.json").write_text(to_json(comparison), encoding="utf-8")
        for name, table in _tables(comparison).items():
            table.to_parquet(content / f"{name}.parquet", index=False)
            write_csv(table, content / f"{name}.csv")
        page = render_comparison(comparison, manifest=manifest)
        (content / "compare.html").write_text(page, encoding="utf-8")

    replace_folder(folder, fill, owned=lambda name: name in FILES)


def write_series(series: Series, folder: Path, *, manifest: Mapping[str, Any]) -> None:
    """Write `FILES` of the last release against the first, and `releases.csv` and `.parquet`.

    Raises
    ------
    UserError
        The folder cannot be written.
    """
    write_comparison(series.last, folder, manifest=manifest)

    def fill(content: Path) -> None:
        series.releases.to_parquet(content / "releases.parquet", index=False)
        write_csv(series.releases, content / "releases.csv")

    replace_folder(folder, fill, owned=lambda name: name in RELEASE_FILES)


def write_run_changes(
    changes: pd.DataFrame, folder: Path, *, first: Sequence[AuditResult], second: Sequence[AuditResult]
) -> None:
    """Write `RUN_FILES`: a page, compare.json and the table of `audit.comparison.run_changes`.

    Files of an earlier comparison in the folder are replaced.

    Parameters
    ----------
    first, second
        The audits of the training runs of either model.

    Raises
    ------
    UserError
        The folder cannot be written.
    """
    sides = {"first": [_run(one) for one in first], "second": [_run(one) for one in second]}
    tables = {"run_changes": changes}

    def fill(content: Path) -> None:
        document = {"about": sides, "columns": {name: list(table.columns) for name, table in tables.items()}}
        (content / "compare.json").write_text(dump(document, tables), encoding="utf-8")
        changes.to_parquet(content / "run_changes.parquet", index=False)
        write_csv(changes, content / "run_changes.csv")
        page = fill_template(
            "run_changes.html.j2", run_changes_page(changes, first[0].manifest, sides=sides),
            data=frames_as_json(tables),
        )  # fmt: skip
        (content / "compare.html").write_text(page, encoding="utf-8")

    replace_folder(folder, fill, owned=lambda name: name in {*FILES, *RUN_FILES})


def _run(result: AuditResult) -> dict[str, Any]:
    """What names a training run: its model, and the data it was asked about."""
    model, data = result.manifest["model"], result.manifest["data"]
    return {
        "model": model["name"], "fingerprint": model.get("fingerprint", ""), "data": data["name"],
        "suite": result.manifest["suite"]["name"],
    }  # fmt: skip


def _tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    return {name: getattr(comparison, name) for name in TABLES}
