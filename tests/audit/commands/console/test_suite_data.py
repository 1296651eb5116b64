"""Data that are not there are told with the line of the suite; columns that are no groups are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit.commands.console.suite_data import data_of, notes_on_groups
from clipmodel.errors import UserError
from probes.suite.suite import Suite, load_suite

SUITE = """\
suite: people
data: {data}
label_sets:
  own: {{sets: {{identity: [{{name: man, is: {{gender: man}}}}, {{name: woman, is: {{gender: woman}}}}]}}}}
probes:
  - {{name: gender, truth: gender, label_set: own, groups: [{groups}], outcomes: {{misclassified: {{}}}}}}
"""


def suite_file(folder: Path, data: str, groups: str = "[race]") -> tuple[str, Suite]:
    file = folder / "suite.yaml"
    file.write_text(SUITE.format(data=data, groups=groups), encoding="utf-8")
    return str(file), load_suite(file)


@pytest.mark.parametrize("data", ["table:gone.csv", f"table:{'a' * 5000}.csv", "tabel:gone.csv"])
def test_data_that_are_not_there_are_told_with_the_line(tmp_path: Path, data: str) -> None:
    file, questions = suite_file(tmp_path, data)
    with pytest.raises(UserError, match=r"suite\.yaml, line 2: data: ") as caught:
        data_of(file, questions, None)
    assert caught.value.remedy
    with pytest.raises(UserError, match=r"^no table at 'other\.csv'"):
        data_of(file, questions, "table:other.csv")


def test_what_is_wrong_with_data_that_are_there_is_no_mistake_of_the_suite(tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_text("path,gender\na.jpg\n")
    file, questions = suite_file(tmp_path, f"table:{table}")
    with pytest.raises(UserError, match=r"^\S*people\.csv, line 2: "):
        data_of(file, questions, None)


def test_a_shipped_suite_names_its_own_data() -> None:
    assert data_of("quickstart", load_suite("quickstart"), None).card.name == "emoji"


def test_groups_that_are_none_are_named(tmp_path: Path) -> None:
    """30 images with a number each, a confidence, and a race that one image has no word for."""
    lines = [f"{i},{('man', 'woman')[i % 2]},b{i},1,{'N/A' if i == 3 else 'A'}" for i in range(30)]
    table = tmp_path / "people.csv"
    table.write_text("\n".join(["path,gender,badge,model_confidence,race", *lines]))
    file, questions = suite_file(tmp_path, f"table:{table}", "[badge], [model_confidence], [race]")
    notes = notes_on_groups(questions, data_of(file, questions, None))
    assert [note.split(" in 30")[0] for note in notes] == [
        "The column badge has 30 values",
        "The column model_confidence reads like something a model says of an image; here it counts as an "
        "attribute.",
        "Odd values of race: 'N/A'; clip-audit data check says what to do with them.",
    ]
    _, quiet = suite_file(tmp_path, f"table:{table}", "[gender]")
    assert notes_on_groups(quiet, data_of(file, quiet, None)) == []
