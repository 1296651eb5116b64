"""The history of a run as its folder holds it, and its report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from audit.result import AuditResult
from audit.training.history import (
    TrainingHistory,
    audits_in,
    drop_audits,
    primary_accuracy,
    primary_gaps,
    skipped_words,
    write_audit,
)
from audit.training.training_report import render_training_report
from clipmodel.errors import UserError


def test_an_audit_is_kept_once_a_step_and_read_as_it_was(result: AuditResult, tmp_path: Path) -> None:
    for _ in range(2):
        folder = write_audit(tmp_path, result, step=30, epoch=1.5)
    write_audit(tmp_path, result, step=100, epoch=5.0)
    assert [path.name for path in audits_in(tmp_path)] == ["step-000030", "step-000100"]
    assert sorted(path.name for path in folder.iterdir()) == ["audit.json", "counts.parquet", "step.json"]
    assert AuditResult.read(folder).gaps.equals(result.gaps)
    drop_audits(tmp_path, after=30)
    assert [path.name for path in audits_in(tmp_path)] == ["step-000030"]


def test_the_history_has_each_audit_at_its_epoch(run: Path, result: AuditResult) -> None:
    history = TrainingHistory.read(run)
    assert list(history.accuracy["epoch"].unique()) == [16.0, 32.0]
    last = history.accuracy[history.accuracy["step"] == 400].reset_index(drop=True)
    assert last["rate"].tolist() == primary_accuracy(result)["rate"].tolist()
    assert len(history.gaps) == 2 * len(primary_gaps(result))
    assert len(history.log) == 400
    assert not history.measures["measure"].str.startswith("audit").any()  # they are in the audits


def test_only_people_and_single_attributes_are_shown(result: AuditResult) -> None:
    by = set(primary_gaps(result)["by"])
    assert by
    assert not by & {"split", "vendor", "design_family"}
    assert not any(" x " in attribute for attribute in by)


def test_another_folder_is_refused_and_damage_is_named(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no training\.json"):
        TrainingHistory.read(tmp_path)
    (tmp_path / "training.json").write_text(json.dumps({}))
    with pytest.raises(UserError, match=r"measures\.csv: cannot be read"):
        TrainingHistory.read(tmp_path)


def test_what_was_skipped_in_words(run: Path, page: str) -> None:
    assert skipped_words({}) == skipped_words({"skipped": None}) == ""
    nothing = {"read": 1000, "samples": {}, "shards": {}, "rows": {}}
    assert skipped_words({"skipped": nothing}) == "none"
    skipped = {
        "read": 1196,
        "samples": {"no caption": 1, "image damaged": 3},
        "shards": {"empty shard": 1},
        "rows": {"row with another number of fields": 2},
    }
    words = skipped_words({"skipped": skipped})
    assert words == (
        "4 of 1,200 samples visited (no caption: 1, image damaged: 3); 1 of the shards (empty shard: 1); "
        "2 of the table's rows, when it was opened (row with another number of fields: 2)"
    )
    assert "Skipped" not in page
    history = TrainingHistory.read(run)
    history.summary["skipped"] = skipped
    assert words.replace("'", "&#39;") in render_training_report(history)
