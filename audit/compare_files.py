"""A comparison as files: compare.json, the table of changes, and a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from audit.compare import Comparison
from audit.page.changes import comparison_page
from audit.page.template import fill_template, frames_as_json
from audit.storage import dump
from clipmodel.files import replace_folder

FILES: Final = ("compare.json", "changes.parquet", "changes.csv", "compare.html")


def to_json(comparison: Comparison) -> str:
    """The text of compare.json: the same bytes from the same comparison."""
    document = {
        "about": comparison.about,
        "verdict": comparison.verdict,
        "sentence": comparison.sentence,
        "margin": comparison.margin,
        "columns": {"changes": list(comparison.changes.columns)},
    }
    return dump(document, {"changes": comparison.changes})


def render_comparison(comparison: Comparison, *, probes: Sequence[Mapping[str, Any]]) -> str:
    """Return the page of a comparison, self-contained.

    Parameters
    ----------
    probes
        Of the manifest of the first audit, for titles.
    """
    data = frames_as_json({"changes": comparison.changes})
    return fill_template("compare.html.j2", comparison_page(comparison, probes=probes), data=data)


def write_comparison(comparison: Comparison, folder: Path, *, probes: Sequence[Mapping[str, Any]]) -> None:
    """Write `FILES` into a folder; whole, or not at all, and other files there are kept.

    Raises
    ------
    UserError
        The folder cannot be written.
    """

    def fill(content: Path) -> None:
        (content / "compare.json").write_text(to_json(comparison), encoding="utf-8")
        comparison.changes.to_parquet(content / "changes.parquet", index=False)
        comparison.changes.to_csv(content / "changes.csv", index=False, lineterminator="\n")
        page = render_comparison(comparison, probes=probes)
        (content / "compare.html").write_text(page, encoding="utf-8")

    replace_folder(folder, fill, owned=lambda name: name in FILES)
