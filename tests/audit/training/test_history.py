"""The history of a run as its folder holds it, and its report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

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
from audit.training.training_report import render_training_report, write_curves
from clipmodel.errors import UserError
from tests.audit.support.invented_audit import invented_result
from tests.audit.support.invented_training_run import write_run


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


@pytest.fixture(scope="module")
def run(result: AuditResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "one", result)


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return render_training_report(TrainingHistory.read(run))


def test_an_audit_is_kept_once_a_step_and_read_as_it_was(result: AuditResult, tmp_path: Path) -> None:
    for _ in range(2):
        folder = write_audit(tmp_path, result, step=30, epoch=1.5)
    write_audit(tmp_path, result, step=100, epoch=5.0)
    assert [path.name for path in audits_in(tmp_path)] == ["step-000030", "step-000100"]
    assert sorted(path.name for path in folder.iterdir()) == ["audit.json", "counts.parquet", "look.json"]
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


def test_the_page_shows_curves_tables_and_cautions(page: str) -> None:
    for words in (
        "invented", "400 of 500", "One run is one seed", "Biased on purpose.",
        "occupation judge: 4 of 8 pictures", 'id="validation-t"', 'id="accuracy-t"', 'id="fig-loss-title"',
    ):  # fmt: skip
        assert words in page, words
    assert page.count("<svg") >= 6
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "http://" not in page.replace("http://www.w3.org", "")
    # Of the accuracies of 44 images: 22 right is 50 %, Wilson 35.8 to 64.2.
    assert "35.8 to 64.2" in page


def test_every_gap_stands_in_a_table_with_its_interval(run: Path, page: str) -> None:
    history = TrainingHistory.read(run)
    told = history.gaps[history.gaps["difference"].notna()]
    assert len(told)
    assert page.count("<td>16.00</td>") >= len(told) // 2


def test_the_same_folder_gives_the_same_page(run: Path, page: str) -> None:
    assert render_training_report(TrainingHistory.read(run)) == page


def test_a_run_without_looks_has_a_page_too(run: Path, tmp_path: Path) -> None:
    for name in ("training.json", "log.csv"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    (tmp_path / "measures.csv").write_text("step,epoch,measure,value,n\n")
    page = render_training_report(TrainingHistory.read(tmp_path))
    assert 'id="fig-loss-title"' in page
    assert 'id="accuracy"' not in page
    (tmp_path / "log.csv").write_text("step,loss,learning_rate,logit_scale,epoch,images_per_second\n")
    assert "No step is done yet." in render_training_report(TrainingHistory.read(tmp_path))


def test_curves_are_pictures_of_their_own(run: Path) -> None:
    paths = write_curves(TrainingHistory.read(run), run)
    assert [path.name for path in paths] == ["loss.svg", "accuracy.svg"]
    for path in paths:
        text = path.read_text()
        root = ET.fromstring(text)
        assert root.tag.endswith("svg")
        assert root.get("width", "").endswith("pt")
        assert "var(" not in text


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
        "samples": {"no caption": 1, "picture damaged": 3},
        "shards": {"empty shard": 1},
        "rows": {"row with another number of fields": 2},
    }
    words = skipped_words({"skipped": skipped})
    assert words == (
        "4 of 1,200 samples visited (no caption: 1, picture damaged: 3); 1 of the shards (empty shard: 1); "
        "2 of the table's rows, when it was opened (row with another number of fields: 2)"
    )
    assert "Skipped" not in page
    history = TrainingHistory.read(run)
    history.account["skipped"] = skipped
    assert words.replace("'", "&#39;") in render_training_report(history)
