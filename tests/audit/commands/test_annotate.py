"""`clip-audit data annotate` and the audit of what it joined."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import Result

from audit.result import AuditResult

Invoke = Callable[..., Result]
pytest.importorskip("duckdb")


def test_joined_annotations_are_audited_like_those_of_the_table(
    many: Path, small_model: Path, invoke: Invoke
) -> None:
    """The suite compares by gender; the joined table has it turned round, for all images but ten."""
    words = ["embed", "table:people.csv", "--model", small_model, "--out", "e", "--part-images", 64]
    invoke(*words)
    people = pd.read_csv(many / "people.csv")
    turned = people.iloc[10:].assign(gender=people["gender"].map({"woman": "man", "man": "woman"}))
    turned[["path", "gender"]].sample(frac=1, random_state=0).to_parquet(many / "labels.parquet")
    words = ["data", "annotate", "embeddings:e", "--from", "labels.parquet", "--key", "path"]
    told = invoke(*words, "--attribute", "gender", "--out", "joined")
    assert told.exit_code == 0, told.output
    assert "290 of 300 images have a row, 10 have none" in told.output
    people["gender"] = turned["gender"].reindex(people.index)
    people.to_csv(many / "people.csv", index=False)
    for data, out in (("embeddings:joined", "one"), ("table:people.csv", "two")):
        invoke("run", "small.yaml", "--data", data, "--model", small_model, "--out", out)
    one, two = (AuditResult.read(many / name) for name in ("one", "two"))
    pd.testing.assert_frame_equal(one.rates, two.rates)
    pd.testing.assert_frame_equal(one.excluded, two.excluded)


def test_a_table_that_is_not_there(many: Path, small_model: Path, invoke: Invoke) -> None:
    told = invoke(
        "data",
        "annotate",
        "embeddings:e",
        "--from",
        "none.parquet",
        "--attribute",
        "gender",
        "--out",
        "joined",
    )
    assert told.exit_code == 2 and "none.parquet" in told.output and not (many / "joined").exists()
