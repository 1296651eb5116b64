"""One result of an evaluation (a model, a set, a task): CLIP_benchmark's fields, with ours beside them.

CLIP_benchmark's readers take the top-level keys dataset, model, pretrained, task, metrics and language, and
lift the keys of `metrics`; all other keys become columns of their CSV. What their files lack is added:
intervals, numbers of images, seed, preprocessing, fingerprints.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd

from audit.csv_cells import write_csv
from audit.evaluation.estimates import Estimate
from clipmodel.errors import UserError
from clipmodel.json_text import parse_json

FORMAT: Final = "clip-audit evaluation 1"
NEEDED: Final = ("dataset", "model", "pretrained", "task", "metrics")
TABLES: Final = "tables"


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """What one model did on one set.

    Attributes
    ----------
    dataset, model, pretrained, task, language
        CLIP_benchmark's identity of a run.
    metrics
        Name -> estimate; the names are CLIP_benchmark's where it has the metric.
    main_metric
        The one that averages over sets use.
    details
        Everything else that belongs into the file: seed, preprocessing, fingerprint, exclusions, notes.
    tables
        Name -> table, written beside the JSON: per_class, confusion, templates, images, few_shot ...
    """

    dataset: str
    model: str
    pretrained: str
    task: str
    metrics: Mapping[str, Estimate]
    main_metric: str
    language: str = "en"
    details: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """The file's name without its ending, by CLIP_benchmark's template."""
        parts = (self.dataset, self.pretrained, self.model, self.language, self.task)
        return "_".join(re.sub(r"[^A-Za-z0-9._@+-]+", "-", part) for part in parts)

    @property
    def model_name(self) -> str:
        """Architecture and weights, as a reader knows them."""
        return f"{self.model} {self.pretrained}" if self.pretrained else self.model

    @property
    def main(self) -> Estimate:
        """The estimate of the main metric; NaN if it was not computed."""
        nan = float("nan")
        missing = Estimate(value=nan, low=nan, high=nan, n=0, method="")
        return self.metrics.get(self.main_metric, missing)

    def document(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "dataset": self.dataset,
            "model": self.model,
            "pretrained": self.pretrained,
            "task": self.task,
            # CLIP_benchmark's reader lifts these into columns, so they stay plain numbers; null for NaN,
            # which JSON lacks.
            "metrics": {name: _null(one.value) for name, one in self.metrics.items()},
            "language": self.language,
            "intervals": {
                name: {"low": _null(one.low), "high": _null(one.high), "method": one.method}
                for name, one in self.metrics.items()
            },
            "n": {name: one.n for name, one in self.metrics.items()},
            "main_metric": self.main_metric,
            "format": FORMAT,
            **self.details,
        }


def write_result(result: EvaluationResult, folder: Path) -> Path:
    """Write the JSON, and the tables into a folder beside it; the path of the JSON."""
    (folder / TABLES).mkdir(parents=True, exist_ok=True)
    for name, table in result.tables.items():
        table.to_parquet(folder / TABLES / f"{result.stem}.{name}.parquet", index=False)
        # One row for each image: as CSV it would be the largest file of the folder.
        if name != "images":
            write_csv(table, folder / TABLES / f"{result.stem}.{name}.csv")
    path = folder / f"{result.stem}.json"
    text = json.dumps(result.document(), indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def read_result(path: Path, *, tables: Sequence[str] = ()) -> EvaluationResult:
    """Read a result of ours, or of CLIP_benchmark: then without intervals.

    Parameters
    ----------
    path
        The JSON.
    tables
        Tables to read with it; one that is not there is left out.

    Raises
    ------
    UserError
        It is no such file; the message names the key that lacks.
    """
    try:
        document = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})", remedy="restore the file") from error
    if not isinstance(document, dict) or any(key not in document for key in NEEDED):
        lacking = [key for key in NEEDED if not isinstance(document, dict) or key not in document]
        raise UserError(f"{path}: no evaluation: {', '.join(lacking)} missing", remedy="give a result file")
    known = {*NEEDED, "language", "intervals", "n", "main_metric", "format"}
    result = EvaluationResult(
        # CLIP_benchmark writes "wds/cifar10"; the registry and its published table have no prefix.
        dataset=str(document["dataset"]).removeprefix("wds/"),
        model=str(document["model"]),
        pretrained=str(document["pretrained"]),
        task=str(document["task"]),
        metrics=_estimates(document),
        main_metric=str(document.get("main_metric") or next(iter(document["metrics"]), "")),
        language=str(document.get("language", "en")),
        details={key: value for key, value in document.items() if key not in known},
    )
    found = {name: path.parent / TABLES / f"{path.stem}.{name}.parquet" for name in tables}
    read = {name: pd.read_parquet(place) for name, place in found.items() if place.is_file()}
    return EvaluationResult(**{**result.__dict__, "tables": read})


def read_results(folder: Path, *, tables: Sequence[str] = ()) -> list[EvaluationResult]:
    """All results in a folder, sorted by file name.

    Raises
    ------
    UserError
        The folder has none, or a file is none.
    """
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not paths:
        raise UserError(
            f"{folder}: no evaluation results", remedy="give the --out folder of clip-audit evaluate"
        )
    return [read_result(path, tables=tables) for path in paths]


def _estimates(document: Mapping[str, Any]) -> dict[str, Estimate]:
    intervals, n = document.get("intervals", {}), document.get("n", {})
    found = {}
    for name, value in document["metrics"].items():
        own = intervals.get(name, {})
        found[name] = Estimate(
            value=_number(value),
            low=_number(own.get("low")),
            high=_number(own.get("high")),
            n=int(n.get(name, 0)) if isinstance(n, dict) else 0,
            method=str(own.get("method", "")),
        )
    return found


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _null(value: float) -> float | None:
    return None if math.isnan(value) else value
