"""Two models on the same sets: a paired test for each set, adjusted over the sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from audit.evaluation.evaluation_result import EvaluationResult
from audit.evaluation.paired_answers import compare_answers
from audit.statistics.multiplicity import holm
from clipmodel.errors import UserError

IMAGES: Final = "images"
PAIRED: Final = ("acc1", "acc5", "recall@1", "recall@5", "recall@10", "overlap")
COLUMNS: Final = (
    "dataset", "task", "language", "metric", "n", "first", "second", "difference", "low", "high",
    "only_first", "only_second", "p", "p_adjusted", "note",
)  # fmt: skip


def compare_models(first: Sequence[EvaluationResult], second: Sequence[EvaluationResult]) -> pd.DataFrame:
    """Compare two models on every set, task and metric that both have answers to.

    Parameters
    ----------
    first, second
        Results with their table of images, each set and task once.

    Returns
    -------
    One row per set, task, metric (and direction of retrieval): `difference` is first minus second, with a
    95 % interval; p is McNemar's, or a t test over clusters if answers are probabilities; p_adjusted is
    Holm's over all sets, within a metric. `note` says how many images only one of the two has answered.

    Raises
    ------
    UserError
        The two have no set in common.
    """
    others = {_key(result): result for result in second}
    rows: list[dict[str, object]] = []
    for result in first:
        other = others.get(_key(result))
        if other is not None and IMAGES in result.tables and IMAGES in other.tables:
            rows += _rows(result, other)
    if not rows:
        raise UserError(
            "the two have no set and task in common whose answers are stored",
            remedy="evaluate both with the same --on and --task",
        )
    table = pd.DataFrame(rows)
    # Over all sets but within a metric: acc1 and acc5 of one set are two views of one comparison.
    table["p_adjusted"] = table.groupby("metric")["p"].transform(lambda p: holm(p.to_numpy()))
    return table[list(COLUMNS)]


def _key(result: EvaluationResult) -> tuple[str, str, str]:
    return result.dataset, result.task, result.language


def _rows(first: EvaluationResult, second: EvaluationResult) -> list[dict[str, object]]:
    # By id, one to one: the same image may stand in another row where the other model could not read some.
    both = first.tables[IMAGES].merge(second.tables[IMAGES], on="id", suffixes=("_1", "_2"), validate="1:1")
    lost = len(first.tables[IMAGES]) + len(second.tables[IMAGES]) - 2 * len(both)
    note = f"{lost} answers of only one model left out" if lost else ""
    parts = [("", both)]
    if "direction_1" in both:
        parts = [(str(direction), part) for direction, part in both.groupby("direction_1", sort=False)]
    rows: list[dict[str, object]] = []
    for direction, part in parts:
        for metric in (name for name in PAIRED if f"{name}_1" in part):
            found = compare_answers(
                part[f"{metric}_1"].to_numpy(), part[f"{metric}_2"].to_numpy(), part["cluster_1"].tolist()
            )
            rows.append(
                {
                    "dataset": first.dataset,
                    "task": first.task,
                    "language": first.language,
                    "metric": f"{metric}, {direction}" if direction else metric,
                    "note": note,
                    **found.__dict__,
                }
            )
    return rows
