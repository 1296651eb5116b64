"""One of everything that can be added, by the recipes of CONTRIBUTING, through the real commands.

A kind of probe, which the suite's schema must know when it is loaded, is added in a process of its own:
`tests/probes/measures/test_adding_a_kind.py`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from audit.report.sections import SECTIONS
from audit.result import AuditResult
from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.datasets.dataset_registry import DATASETS
from probes.mitigation.method_registry import METHODS
from probes.rules.rule_registry import RULES
from probes.suite.suite import suite_json_schema
from tests.audit.commands.conftest import COLOURS, Invoke
from tests.probes.rules.scored import check_rule
from tests.support.additions import group_sizes, halving, lead, shades

ADDITIONS = Path(shades.__file__).parent
SUITE = """\
suite: added
data: shades:shades
rule_thresholds: {lead: [0.0, 0.001], probability: [0.5]}
probes:
  - name: colour
    truth: colour
    label_set: colours
    rules: [argmax, lead, probability]
    groups: [[tone]]
    outcomes: [misclassified]
label_sets:
  colours:
    sets: {identity: [{name: red, is: {colour: red}}, {name: blue, is: {colour: blue}}]}
"""


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The additions in their registries, for one test."""
    monkeypatch.setitem(RULES, "lead", lead.RULE)
    for kind in shades.KINDS:
        monkeypatch.setitem(DATASETS, kind.name, kind)
    monkeypatch.setitem(METHODS, halving.Halving.name, halving.Halving)
    monkeypatch.setattr("audit.report.SECTIONS", (*SECTIONS, group_sizes.SECTION))
    yield


@pytest.fixture
def squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with shades/, 40 squares in two colours and tones, and a suite for them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIP_AUDIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "shades").mkdir()
    for i in range(40):
        colour, tone = ("red", "blue")[i % 2], ("light", "dark")[i // 2 % 2]
        shade = np.clip(np.array(COLOURS[colour]) + (i if tone == "light" else -i), 0, 255).astype(np.uint8)
        square = np.broadcast_to(shade, (64, 64, 3)).copy()
        Image.fromarray(square).save(tmp_path / "shades" / f"{colour}_{tone}_{i}.png")
    (tmp_path / "added.yaml").write_text(SUITE, encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("added")
def test_a_rule_a_data_set_and_a_section_in_an_audit(
    invoke: Invoke, squares: Path, small_model: Path
) -> None:
    done = invoke("run", "added.yaml", "--model", small_model, "--out", "out")
    assert done.exit_code == 0, done.output
    result = AuditResult.read(squares / "out")
    assert result.manifest["data"]["name"] == "shades"
    wrong = result.rates.query("rule == 'lead' and tone == '(all)'").set_index("threshold")["count"]
    plain = result.rates.query("rule == 'argmax' and tone == '(all)'")["count"].iloc[0]
    # A lead of 0 is no condition; a longer one leaves more images without the right class.
    assert wrong.index.tolist() == [0.0, 0.001] and wrong[0.0] == plain <= wrong[0.001]
    assert json.loads((squares / "out" / "audit.json").read_text())["rates"]
    page = (squares / "out" / "report.html").read_text(encoding="utf-8")
    assert "Sizes of groups" in page and "Images of each group" in page
    assert "first by 0.001" in page and lead.RULE.meaning in page
    (squares / "out" / "report.html").unlink()
    assert invoke("report", "out").exit_code == 0
    assert "first by 0.001" in (squares / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("added")
def test_what_is_added_is_listed(invoke: Invoke, squares: Path) -> None:
    assert "lead" in invoke("probe", "rules").stdout
    assert "shades:PATH" in invoke("data", "list").stdout
    assert "lead" in str(suite_json_schema()["$defs"]["Probe"]["properties"]["rules"])
    assert "probability" in invoke("probe", "show", "added.yaml").stdout


@pytest.mark.usefixtures("added")
def test_the_rule_keeps_the_contract_of_rules() -> None:
    check_rule(lead.RULE, [0.0, 0.25, 0.5], leads)


def leads(cosines: list[float], _: list[float], m: float) -> list[bool]:
    first, second = sorted(cosines, reverse=True)[:2]
    return [i == cosines.index(first) and first - second >= m for i in range(len(cosines))]


@pytest.mark.usefixtures("added")
def test_a_mitigation(invoke: Invoke, squares: Path, small_model: Path) -> None:
    suite = (
        (squares / "added.yaml").read_text().replace("rules: [argmax, lead, probability]", "rules: [argmax]")
    )
    (squares / "added.yaml").write_text(suite, encoding="utf-8")
    words = ["--attribute", "tone", "--method", "halving", "--words", "light=light,dark=dark"]
    done = invoke("mitigate", "added.yaml", "--model", small_model, *words, "--out", "out")
    assert done.exit_code == 0, done.output
    cost = pd.read_parquet(squares / "out" / "cost.parquet")
    assert cost["method"].tolist() == ["none", "random", "halving"]
    assert halving.Halving.about in (squares / "out" / "report.html").read_text(encoding="utf-8")


def test_an_evaluation_set(invoke: Invoke, squares: Path, small_model: Path) -> None:
    shutil.copy(ADDITIONS / "shades.yaml", squares / "squares.yaml")
    for path in sorted((squares / "shades").glob("*.png")):
        folder = squares / "shades" / path.name.split("_")[0]
        folder.mkdir(exist_ok=True)
        path.rename(folder / path.name)
    done = invoke("evaluate", small_model, "--on", "squares.yaml", "--out", "out")
    assert done.exit_code == 0, done.output
    (document,) = (squares / "out").glob("*.json")
    found = json.loads(document.read_text())
    assert (found["dataset"], found["images"]) == ("shades", 40)
    assert 0 <= found["metrics"]["acc1"] <= 1


def test_without_the_registration_nothing_of_it_is_known(squares: Path) -> None:
    assert "lead" not in RULES and "halving" not in METHODS
    with pytest.raises(UserError, match="unknown data set 'shades:shades'"):
        load_dataset("shades:shades")
