"""Gaps along an attribute that several people annotated, through a whole run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from audit.report.section import ReportContext
from audit.report.sections import annotators as section
from audit.result import AuditResult
from probes.datasets import load_dataset
from probes.datasets.demographic_dataset import DemographicDataset
from probes.embeddings.models import model_for
from probes.embeddings.store import EmbeddingStore
from probes.runner import run_suite
from probes.suite.suite import load_suite
from tests.audit.commands.test_mitigate import folder as folder_of_embeddings

folder = folder_of_embeddings


def audit(folder: Path, said: list[list[str | None]] | None) -> AuditResult:
    dataset: DemographicDataset = load_dataset(f"embeddings:{folder / 'e.npz'}")
    if said is not None:
        dataset.annotations = {"gender": pd.DataFrame(said), "eyes": pd.DataFrame(said)}
    model = model_for(dataset, None, device="cpu", told={})
    records = run_suite(
        load_suite(str(folder / "suite.yaml")), model, dataset, store=EmbeddingStore(folder / "c")
    )
    return AuditResult.from_records(records)


def labels(folder: Path) -> list[str]:
    return [str(value) for value in np.load(folder / "e.npz")["gender"]]


def test_disagreement_is_carried_into_the_interval(folder: Path) -> None:
    rng = np.random.default_rng(0)
    other = {"Male": "Female", "Female": "Male"}
    noisy: list[list[str | None]] = [
        [own, own if rng.random() < 0.8 else other[own], None if rng.random() < 0.2 else own]
        for own in labels(folder)
    ]
    found = audit(folder, noisy)
    table = found.annotators.set_index("group")
    assert set(table.index) == {"Male", "Female"} and (table["annotators"] == 3).all()
    gap = found.gaps[found.gaps["group"] == "Female"].iloc[0]
    row = table.loc["Female"]
    assert row["majority_difference"] == pytest.approx(gap["difference"])
    assert 0.1 < row["disagreement"] < 0.3 and row["share_of_variance"] > 0
    assert row["low"] < row["difference"] < row["high"]
    assert table.loc["Male", "difference"] == pytest.approx(-row["difference"], abs=0.02)
    found.write(folder / "out")
    assert AuditResult.read(folder / "out") == AuditResult.read(folder / "out")
    assert AuditResult.read(folder / "out").annotators.equals(found.annotators)
    content = section.build(ReportContext(result=found))
    assert content is not None and len(content["table"].rows) == 2


def test_annotators_who_agree_change_nothing(folder: Path) -> None:
    table = audit(folder, [[own] * 3 for own in labels(folder)]).annotators
    assert (table["disagreement"] == 0).all() and (table["share_of_variance"] < 1e-9).all()
    assert np.allclose(table["difference"], table["majority_difference"])


def test_without_several_annotators_there_is_no_table(folder: Path) -> None:
    found = audit(folder, None)
    assert not len(found.annotators) and section.build(ReportContext(result=found)) is None
    assert "annotators" not in found.to_json()
