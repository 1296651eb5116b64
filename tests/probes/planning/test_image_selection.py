"""Which images a probe asks about, in which cells, and who is counted as left out."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.cards import DataCard
from probes.datasets.demographic_dataset import DemographicDataset
from probes.planning.image_selection import Selection, select, where_text
from probes.suite.classification_probe import Probe
from probes.suite.label_sets import LabelSet

CARD = DataCard(
    name="small", title="Small", version="1", licence="MIT", consent="none needed",
    label_provenance="by design", caution="",
)  # fmt: skip
ROWS = [
    # id, kind, tone, gender, visible_gender
    ("a", "person", "light", "woman", True),
    ("b", "person", "light", "man", True),
    ("c", "person", "dark", "woman", True),
    ("d", "person", "dark", "woman", False),
    ("e", "person", None, "man", True),
    ("f", "person", "dark", None, True),
    ("g", "animal", None, None, True),
]
GENDERS = LabelSet.model_validate(
    {"name": "genders", "sets": {"identity": [{"name": g, "is": {"gender": g}} for g in ("woman", "man")]}}
)


class Small(DemographicDataset):
    def read_bytes(self, row: int) -> bytes:
        return bytes([row])


@pytest.fixture
def data() -> Small:
    frame = pd.DataFrame(ROWS, columns=["image_id", "kind", "tone", "gender", "visible_gender"])
    return Small(frame, attributes=["kind", "tone", "gender"], card=CARD, orders={"tone": ["light", "dark"]})


def probe(**values: Any) -> Probe:
    written = {"name": "p", "label_set": "genders", "outcomes": {"all": ["identity"]}} | values
    return Probe.model_validate(written)


def choose(data: Small, **values: Any) -> Selection:
    return select(probe(**values), data, {"default": GENDERS})


def cells(selection: Selection) -> list[tuple[str, ...]]:
    return list(selection.cells.itertuples(index=False, name=None))


def excluded(selection: Selection) -> list[tuple[object, ...]]:
    return list(selection.excluded.itertuples(index=False, name=None))


def test_cells_are_in_natural_order_and_missing_comes_last(data: Small) -> None:
    chosen = choose(data, where={"kind": "person"}, groups=[["tone"]])
    assert cells(chosen) == [("light", "(none)"), ("dark", "(none)"), ("(missing)", "(none)")]
    assert chosen.rows.tolist() == [0, 1, 2, 3, 4, 5]
    assert chosen.cell.tolist() == [0, 0, 1, 1, 2, 1]
    assert excluded(chosen) == [("tone not labelled", "(missing)", 1)]


def test_a_missing_label_and_a_hidden_one_are_told_apart(data: Small) -> None:
    chosen = choose(data, where={"kind": "person"}, groups=[["tone"], ["gender"]])
    assert excluded(chosen) == [
        ("tone not labelled", "(missing)", "(all)", 1),
        ("gender not visible", "(all)", "(missing)", 1),
        ("gender not labelled", "(all)", "(missing)", 1),
    ]


def test_without_a_truth_an_image_is_left_out_and_counted_by_group(data: Small) -> None:
    chosen = choose(
        data, where={"kind": "person"}, truth="gender", groups=[["tone"]], outcomes=["misclassified"]
    )
    assert chosen.rows.tolist() == [0, 1, 2, 4]
    assert cells(chosen) == [("light", "man"), ("light", "woman"), ("dark", "woman"), ("(missing)", "man")]
    assert excluded(chosen) == [
        ("truth: gender not visible", "dark", 1),
        ("truth: gender not labelled", "dark", 1),
        ("tone not labelled", "(missing)", 1),
    ]
    assert chosen.n_without_truth == 2


@pytest.mark.parametrize(
    ("where", "rows", "text"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6], "all images"),
        ({"tone": "dark"}, [2, 3, 5], "tone is dark"),
        ({"gender": ["woman", "man"], "tone": "dark"}, [2, 3], "gender is woman or man and tone is dark"),
        ({"tone": {"not": ["light"]}}, [2, 3, 4, 5, 6], "tone is not light"),
        ({"tone": {"not": ["(missing)"]}}, [0, 1, 2, 3, 5], "tone is not (missing)"),
        ({"gender": "(missing)"}, [5, 6], "gender is (missing)"),
    ],
)
def test_filters(data: Small, where: dict, rows: list[int], text: str) -> None:
    assert choose(data, where=where).rows.tolist() == rows
    assert where_text(probe(where=where)) == text


def test_unreadable_images_leave_their_cell_and_are_counted_in_it(data: Small) -> None:
    chosen = choose(data, where={"kind": "person"}, groups=[["tone"]])
    rest = chosen.without({4: "gone", 0: "broken", 6: "not selected"})
    assert rest.rows.tolist() == [1, 2, 3, 5]
    assert cells(rest) == [("light", "(none)"), ("dark", "(none)")]
    assert rest.cell.tolist() == [0, 1, 1, 1]
    assert excluded(rest)[1:] == [
        ("unreadable image: broken", "light", 1),
        ("unreadable image: gone", "(missing)", 1),
    ]


@pytest.mark.parametrize(
    ("values", "message", "remedy"),
    [
        ({"where": {"kinds": "person"}}, "no attribute 'kinds'", "did you mean 'kind'?"),
        ({"groups": [["tnoe"]]}, "no attribute 'tnoe'", "did you mean 'tone'?"),
        ({"where": {"kind": "persn"}}, "no image has kind 'persn'", "did you mean 'person'?"),
        ({"where": {"tone": "light", "kind": "animal"}}, "selects no image: tone is light", "relax"),
        ({"groups": [["tone"]], "where": {"kind": "animal"}}, "shows its tone", "take 'tone' out"),
        (
            {"groups": [["tone"]], "where": {"tone": "dark"}, "references": {"tone": "light"}},
            "the reference group tone 'light' has no image",
            "one of: dark",
        ),
        (
            {"truth": "gender", "where": {"kind": "animal"}, "outcomes": ["misclassified"]},
            "none of the selected images shows its gender",
            "another truth",
        ),
    ],
)
def test_a_suite_that_does_not_fit_the_data_is_refused(
    data: Small, values: dict, message: str, remedy: str
) -> None:
    with pytest.raises(UserError) as caught:
        choose(data, **values)
    assert message in caught.value.message
    assert caught.value.remedy is not None
    assert remedy in caught.value.remedy


def test_a_truth_that_no_class_stands_for_is_refused(data: Small) -> None:
    women = LabelSet.model_validate(
        {"name": "w", "sets": {"identity": [{"name": "woman", "is": {"gender": "woman"}}, "man"]}}
    )
    with pytest.raises(UserError, match="design 'narrow': no class for gender man"):
        select(probe(truth="gender", outcomes=["misclassified"]), data, {"default": GENDERS, "narrow": women})


def test_an_attribute_may_have_the_name_of_a_column(data: Small) -> None:
    data.frame["truth"] = "x"
    data.dropped["truth"] = None
    data.attributes.append("truth")
    chosen = choose(data, groups=[["truth"]])
    assert list(chosen.cells.columns) == ["attribute: truth", "truth"]
    assert set(chosen.cells["attribute: truth"]) == {"x"}
    assert list(chosen.excluded.columns) == ["reason", "attribute: truth", "n"]


def test_images_that_were_not_loaded_are_counted_by_what_is_known_of_them() -> None:
    """Of four, one is an animal, which the filter excludes; of another the kind is unknown: it stays."""
    frame = pd.DataFrame(ROWS, columns=["image_id", "kind", "tone", "gender", "visible_gender"])
    dropped = pd.DataFrame(
        [
            ("bad name", "person", "dark"),
            ("bad name", "person", "dark"),
            ("bad name", "animal", "dark"),
            ("no file", None, None),
        ],
        columns=["reason", "kind", "tone"],
    )
    data = Small(frame, attributes=["kind", "tone", "gender"], card=CARD, dropped=dropped)
    chosen = choose(data, where={"kind": "person", "tone": ["dark"]}, groups=[["tone"], ["gender"]])
    assert excluded(chosen)[:2] == [
        ("bad name", "dark", "(missing)", 2),
        ("no file", "(missing)", "(missing)", 1),
    ]
