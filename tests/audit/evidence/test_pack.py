"""The pack is complete, its hashes are right, and it says what the audit says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from audit import AuditResult
from audit.evidence import pack
from clipmodel.errors import UserError
from tests.audit.support.invented_audit import invented_result


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return invented_result()


@pytest.fixture(scope="module")
def folder(result: AuditResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("evidence") / "pack"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "CHROMIUM", ())
        pack.write_pack(result, target)
    return target


def test_every_file_has_its_hash(folder: Path) -> None:
    lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    names = {line.split("  ")[1] for line in lines}
    assert {"audit.json", "report.html", "gates.xml", "model_card.md", "model_index.yaml", "crosswalk.csv",
            "impact_ratios.csv", "sign_off.md", "rates.csv"} <= names  # fmt: skip
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert "report.pdf" not in names


def test_the_model_card_names_the_worst_off_group(folder: Path) -> None:
    text = (folder / "model_card.md").read_text(encoding="utf-8")
    assert "Worst off: dark" in text
    assert "No figure here is a legal test" in text


def test_the_index_holds_the_accuracy_of_the_audit(folder: Path, result: AuditResult) -> None:
    index = yaml.safe_load((folder / "model_index.yaml").read_text(encoding="utf-8"))["model-index"][0]
    overall = result.accuracy.query("split == '(all)' and skin_tone == '(all)' and gender == '(all)'").iloc[0]
    assert index["results"][0]["metrics"][0]["value"] == round(float(overall["rate"]), 4)


def test_a_damaged_record_of_the_run_is_named(tmp_path: Path) -> None:
    assert pack.run_info_of(tmp_path) is None
    for content in ("{", "[]", "[" * 99_999):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(UserError, match=r"run\.json"):
            pack.run_info_of(tmp_path)
