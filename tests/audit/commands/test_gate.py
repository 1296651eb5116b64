from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from audit.cli import app
from audit.conclusions.junit import junit_xml
from audit.result import AuditResult
from tests.audit.support.naive_counts import draw_images, records_of

GATE = {
    "name": "tones", "probe": "work", "outcome": "misclassified", "groups": ["skin_tone"],
    "margin": 0.1, "metric": "difference",
}  # fmt: skip
YAML = """gates:
  - {{name: "tones & <more>", probe: work, outcome: misclassified, groups: [skin_tone], margin: {margin}}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    records = records_of(draw_images(3000, seed=7, extra={"dark": 0.3}), gates=[GATE])
    probe = records.manifest["probes"][0] | {"designs": [{"name": "default"}], "templates": ["plain"]}
    manifest = records.manifest | {"probes": [probe]}
    result = AuditResult.from_records(dataclasses.replace(records, manifest=manifest))
    return result.write(tmp_path_factory.mktemp("audit") / "run")


def judge(run: Path, *words: object) -> Result:
    return CliRunner().invoke(app, ["gate", str(run), *map(str, words)], env={"COLUMNS": "200"})


def test_the_gates_of_the_audit_decide_by_default(run: Path) -> None:
    done = judge(run)
    assert done.exit_code == 1
    assert "Verdict: FAIL" in done.output
    assert AuditResult.read(run).gates["sentence"].item() in done.output


@pytest.mark.parametrize(("margin", "code"), [(0.5, 0), (0.1, 1), (0.3, 3)])
def test_exit_codes_of_a_file_of_gates(run: Path, tmp_path: Path, margin: float, code: int) -> None:
    (tmp_path / "gates.yaml").write_text(YAML.format(margin=margin))
    done = judge(run, "--suite", tmp_path / "gates.yaml", "--junit", tmp_path / "out" / "gates.xml")
    assert done.exit_code == code
    suite = ET.parse(tmp_path / "out" / "gates.xml").getroot().find("testsuite")
    assert suite is not None
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == [
        "1", str(int(code == 1)), str(int(code == 3)),
    ]  # fmt: skip
    case = suite.find("testcase")
    assert case is not None
    assert (case.get("classname"), case.get("name")) == ("invented.work", "tones & <more>")
    assert [child.tag for child in case] == [{0: "system-out", 1: "failure", 3: "error"}[code]]
    assert case[0].text in done.output or code == 0


def test_the_command_judges_as_the_library_does(run: Path, tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text(YAML.format(margin=0.3))
    judge(run, "--suite", tmp_path / "gates.yaml", "--junit", tmp_path / "gates.xml")
    gates = AuditResult.read(run).judge([GATE | {"name": "tones & <more>", "margin": 0.3}])
    assert (tmp_path / "gates.xml").read_text() == junit_xml(gates, suite="invented")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("probe: wrok, outcome: misclassified, groups: [skin_tone]", "no probe 'wrok'"),
        ("probe: work, outcome: harmm, groups: [skin_tone]", "no outcome 'harmm'"),
        ("probe: work, outcome: harm, groups: [age]", "not split by ['age']"),
        ("probe: work, outcome: harm, groups: [gender], designs: [child]", "no design 'child'"),
        ("probe: work, outcome: harm", "needs groups to compare"),
        ("probe: work, metric: accuracy, outcome: harm", "has no outcome"),
        ("probe: work, metric: rate", "needs the outcome"),
        ("probe: work, outcome: harm, groups: [gender], margin: 5", "above 1"),
    ],
)
def test_mistakes_in_gates_exit_with_2(run: Path, tmp_path: Path, line: str, message: str) -> None:
    margin = "" if "margin" in line else ", margin: 0.1"
    (tmp_path / "gates.yaml").write_text(f"gates:\n  - {{name: g, {line}{margin}}}\n")
    done = judge(run, "--suite", tmp_path / "gates.yaml")
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


def test_no_gates_exit_with_2(run: Path, tmp_path: Path) -> None:
    document = json.loads((run / "audit.json").read_text()) | {"gates": [], "verdict": "NO GATE"}
    (tmp_path / "audit.json").write_text(json.dumps(document))
    done = judge(tmp_path)
    assert done.exit_code == 2
    assert "has no gates" in done.output


def test_a_folder_without_an_audit_exits_with_2(tmp_path: Path) -> None:
    assert judge(tmp_path).exit_code == 2
