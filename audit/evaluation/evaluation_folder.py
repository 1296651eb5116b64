"""The folder of an evaluation: results.csv, results.parquet, tables over models, and the page."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from audit.csv_cells import write_csv
from audit.evaluation.evaluation_page import evaluation_page
from audit.evaluation.evaluation_result import TABLES, EvaluationResult, read_results
from audit.evaluation.interchange import open_clip_row, results_frame
from audit.evaluation.robustness import robustness_table
from audit.report.html import fill_template, frames_as_json

REPORT: Final = "report.html"
TEMPLATE: Final = "evaluation.html.j2"
SHOWN: Final = ("per_class", "confusion", "templates", "prompt_effect", "few_shot", "groups")


def write_report(folder: Path) -> None:
    """Write everything that is made from the results in a folder.

    Writes
    ------
    results.csv, results.parquet
        One row per result, CLIP_benchmark's columns first.
    openclip_results.csv
        One row per model with any of the 38 sets, in the columns of open_clip's table.
    tables/robustness.csv
        Accuracy under shift, if sets of such a pair are there.
    report.html
        The page.
    """
    results = read_results(folder, tables=SHOWN)
    frame = results_frame(results)
    write_csv(frame, folder / "results.csv")
    frame.to_parquet(folder / "results.parquet", index=False)
    write_open_clip_table(results, folder)
    robustness = robustness_table(results)
    if len(robustness):
        write_csv(robustness, folder / TABLES / "robustness.csv")
    page = evaluation_page(results, robustness)
    data = frames_as_json({"results": frame, "robustness": robustness})
    (folder / REPORT).write_text(fill_template(TEMPLATE, page, data=data), encoding="utf-8")


def write_open_clip_table(results: list[EvaluationResult], folder: Path) -> None:
    """Rows that can be pasted into open_clip's docs/openclip_results.csv."""
    import pandas as pd

    by_model: dict[str, list[EvaluationResult]] = {}
    for result in results:
        # open_clip's table is of zero-shot results.
        if result.task != "linear_probe":
            by_model.setdefault(result.model_name, []).append(result)
    rows = [open_clip_row(own) for own in by_model.values()]
    # The first five columns name the model; a row without a single value says nothing.
    known = [row for row in rows if any(value == value for key, value in list(row.items())[5:])]
    if known:
        write_csv(pd.DataFrame(known), folder / TABLES / "openclip_results.csv", float_format="%.4f")
