"""A suite and a card may name a column as the header of the file writes it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from probes.datasets import load_dataset
from probes.planning.audit_plan import plan
from probes.suite.suite import load_suite

NAMES = ["cafe\u0301", "race\u200b", "skin  tone", " race ", "ra\x07ce"]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name: str) -> None:
    sexes = ["m", "w"] * 6
    table = pd.DataFrame({"path": range(12), name: [*"AAB"] * 4, f"sex{name}": sexes, "prediction": sexes})
    table.to_parquet("p.parquet")
    members = [{"name": one, "is": {f"sex{name}": one}} for one in "mw"]
    probe = {
        "name": "p", "truth": f"sex{name}", "label_set": "own", "groups": [[name]],
        "outcomes": {"misclassified": {}},
        "where": {name: ["A", "B"]}, "references": {name: "A"}, "control": [f"sex{name}"],
    }  # fmt: skip
    suite = {"suite": "s", "label_sets": {"own": {"sets": {"identity": members}}}, "probes": [probe]}
    Path("s.yaml").write_text(yaml.safe_dump(suite, allow_unicode=True), encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_suite_names_columns_as_the_file_does(workplace: Path, name: str) -> None:
    write(name)
    planned = plan(load_suite("s.yaml"), load_dataset("predictions:p.parquet"))
    assert len(planned.probes[0].selection.rows) == 12


@pytest.mark.parametrize("name", NAMES)
def test_a_card_names_columns_and_values_as_the_file_does(workplace: Path, name: str) -> None:
    write(name)
    card = {"attributes": [name], "orders": {name: ["x ", "A"]}, "values": {name: {"B\u200b": "x"}}}
    Path("p.card.yaml").write_text(yaml.safe_dump(card, allow_unicode=True), encoding="utf-8")
    data = load_dataset("predictions:p.parquet")
    assert data.levels(data.attributes[0]) == ["x", "A"]
