from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.measures.measure_context import (
    MeasureContext,
    Results,
    attribute_values,
    check_values,
    sides_of,
)
from probes.records import ALL
from probes.suite.probe_base import ProbeBase
from tests.probes.measures.colours import WORDS, suite_of

ROWS = np.array([0, 1, 6])  # two women of the north, a man of the north


@pytest.fixture
def results(data: TableDataset) -> Results:
    probe = suite_of(kind="association", words=WORDS, groups=[["gender"]]).probes[0]
    images = SimpleNamespace(rows=ROWS)
    context = MeasureContext(suite=None, dataset=data, images=images, embedded={}, head=None)  # type: ignore[arg-type]
    return Results(probe, context)


def test_scalars_carry_the_image_its_cluster_and_its_groups(results: Results) -> None:
    results.add_scalars(np.array([0.1, 0.2, 0.3]), item="red", template="plain")
    (table,) = results.scalars
    assert table["value"].tolist() == [0.1, 0.2, 0.3] and table["gender"].tolist() == [
        "woman",
        "woman",
        "man",
    ]
    assert set(table["side"]) == {""} and table["k"].isna().all() and table["n"].tolist() == [1, 1, 1]
    # Without a cluster in the data each image is its own.
    assert table["image"].tolist() == table["cluster"].tolist() and table["image"].nunique() == 3


def test_scalars_of_some_places_and_of_two_sides(results: Results) -> None:
    results.add_scalars(
        np.array([True, False]), item="x", places=np.array([2, 0]), side=np.array(["first", "second"]), k=5
    )
    (table,) = results.scalars
    assert table["gender"].tolist() == ["man", "woman"] and table["value"].tolist() == [1, 0]
    assert table["side"].tolist() == ["first", "second"] and set(table["k"]) == {5}


def test_sets_and_groups_are_of_no_image(results: Results) -> None:
    results.add_sets(np.array([0.5]), np.array([3]), ["s1"], item="flip", template="plain")
    results.add_shares("share", [{"gender": "man"}, {}], np.array([6, 12]), np.array([0.5, 1.0]))
    sets, shares = results.scalars
    assert sets[["image", "cluster", "n", "value", "gender"]].to_numpy().tolist() == [
        ["s1", "s1", 3, 0.5, ALL]
    ]
    assert shares[["gender", "n", "value", "image"]].to_numpy().tolist() == [
        ["man", 6, 0.5, ""], [ALL, 12, 1.0, ""],
    ]  # fmt: skip


def test_estimates_are_asked_for_over_all_and_by_group(results: Results) -> None:
    groupings = [[{"gender": "woman"}, {"gender": "man"}]]
    results.estimate_by_group("share", "rate", groupings, item="red", note="why")
    assert [row["gender"] for row in results.estimands] == [ALL, "woman", "man"]
    assert {(row["metric"], row["statistic"], row["item"], row["note"]) for row in results.estimands} == {
        ("share", "rate", "red", "why")
    }


def test_values_and_sides_of_a_pair(results: Results) -> None:
    values = results.context.values("gender")
    assert sides_of(values, ["man", "woman"]).tolist() == ["second", "second", "first"]
    assert sides_of(np.array(["x", None], dtype=object), ["man", "woman"]).tolist() == ["", ""]


def test_unknown_attributes_and_values_suggest_the_closest(data: TableDataset) -> None:
    probe: ProbeBase = suite_of(kind="association", words=WORDS, groups=[["gender"]]).probes[0]
    with pytest.raises(UserError, match="no attribute 'gendr'") as caught:
        attribute_values(probe, data, "gendr")
    assert "'gender'" in str(caught.value.remedy)
    with pytest.raises(UserError, match="no image has gender 'women'"):
        check_values(probe, data, "gender", ["man", "women"])
    check_values(probe, data, "gender", ["man", "woman"])
