"""The suite on members of Congress: the paper's two thresholds over portraits."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from probes.datasets.published.congress import load_congress
from probes.embeddings.embed import EmbeddingStore
from probes.records import validate
from probes.runner import run_suite
from probes.suite.suite import load_suite
from tests.probes.conftest import FakeModel, png

HEADER = "file,bioguide,name,gender,birthday,party,chamber,state"


def test_labels_are_assigned_at_the_papers_thresholds(
    tmp_path: Path, model: FakeModel, store: EmbeddingStore
) -> None:
    """Eleven labels share a probability of 1: each image has one of at least 1/11, above both thresholds."""
    (tmp_path / "images").mkdir()
    lines = [HEADER]
    for number in range(8):
        gender, party = ("female", "male")[number % 2], ("Democrat", "Republican")[number // 4]
        (tmp_path / f"images/{number}.jpg").write_bytes(png((number * 30, 99, 9)))
        lines.append(f"images/{number}.jpg,B{number},Name,{gender},1950-01-01,{party},rep,CA")
    (tmp_path / "congress.csv").write_text("\n".join(lines))
    records = run_suite(load_suite("congress"), model, load_congress(tmp_path), store=store)
    validate(records)
    sets = records.counts[(records.counts["event_kind"] == "set") & (records.counts["rule"] == "probability")]
    reached = sets.groupby(["threshold", "event"], observed=True)["count"].sum().unstack()
    assert reached.index.tolist() == [0.005, 0.04]
    assert (reached.sum(axis=1) >= 8).all()
    assert (reached.loc[0.005] >= reached.loc[0.04]).all()
    assert isinstance(records.curves, pd.DataFrame)
    assert records.curves["threshold"].nunique() == 101
