"""Several annotators in a user's own table: the majority, what each said, and mistakes of the card."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.checks.annotator_columns import by_majority, with_annotators
from probes.datasets.formats.table import TableDataset
from probes.scoring.annotation_rows import annotation_rows

TABLE = """path,gender,a,b,c
0.png,woman,light,light,dark
1.png,man,dark,,dark
2.png,man,light,dark,unsure
3.png,woman,,,
"""
CARD = """annotators: {tone: [a, b, c]}
values: {tone: {unsure: null, dark: darker}}
"""


def table(folder: Path, card: str = CARD, text: str = TABLE) -> TableDataset:
    (folder / "people.csv").write_text(text, encoding="utf-8")
    (folder / "people.card.yaml").write_text(card, encoding="utf-8")
    return TableDataset(folder / "people.csv")


def test_the_label_is_what_most_of_those_said_who_said_something(tmp_path: Path) -> None:
    data = table(tmp_path)
    assert data.attributes == ["gender", "tone"]
    # Two of three light; both who spoke dark; one light and one dark; nobody.
    assert data.frame["tone"].fillna("none").tolist() == ["light", "darker", "none", "none"]
    said = data.annotations["tone"].fillna("-").to_numpy().tolist()
    assert said == [["light", "light", "darker"], ["darker", "-", "darker"], ["light", "darker", "-"],
                    ["-", "-", "-"]]  # fmt: skip
    assert any("tone: no value has a majority of annotators in 1 images" in note for note in data.card.notes)
    rows = annotation_rows(data, ["gender", "tone"], data.frame.index.to_numpy())
    assert rows is not None and len(rows) == 7 and set(rows["attribute"]) == {"tone"}


def test_a_label_of_its_own_stays(tmp_path: Path) -> None:
    text = TABLE.replace("gender", "tone").replace("woman", "dark").replace("man", "light")
    data = table(tmp_path, text=text)
    assert data.attributes == ["tone"]
    assert data.frame["tone"].tolist() == ["darker", "light", "light", "darker"]
    assert list(data.annotations["tone"].columns) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("card", "message"),
    [("annotators: {tone: [a, d]}", r"annotators: tone: no column 'd'"),
     ("annotators: {tone: [a]}", "tone: 1 column"),
     ("annotators: {tone: [a, a]}", "line 1: annotators: 'a' is there twice"),
     ("annotators: {tone: [a, b]}\nvalues: {tone: {drak: darker}}", "nobody said tone 'drak'")],
)  # fmt: skip
def test_mistakes_of_the_card_are_named(tmp_path: Path, card: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        table(tmp_path, card)


def test_ties_and_silence_have_no_majority() -> None:
    said = pd.DataFrame(
        {"a": ["x", "x", None, "x"], "b": ["y", None, None, "y"], "c": ["z", None, None, "y"]}
    )
    assert by_majority(said).tolist() == [None, "x", None, "y"]
    found = with_annotators(said, {}, values={}, file=Path("card.yaml"))
    assert found.said == {} and found.frame is said
