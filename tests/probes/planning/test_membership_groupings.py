"""Groupings by attributes of several values: one a value, down to the counts and gaps of an audit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audit.result import AuditResult
from clipmodel.errors import UserError
from probes.datasets import DemographicDataset, load_dataset
from probes.embeddings.precomputed import precomputed_model
from probes.planning.audit_plan import plan
from probes.planning.membership_groupings import with_memberships
from probes.runner import run_suite
from probes.suite.suite import Suite

RACES = ["A", "A;B", "B", "B", "A", "C", "C", "C;A", "C", ""]
EVENT = [1, 1, 0, 0, 0, 0, 0, 1, 0, 1]
"""Of A, images 0, 1, 4, 7: three have the event; of the rest, 2, 3, 5, 6, 8: none. Image 9 is in neither."""


def suite(**probe: object) -> Suite:
    return Suite.model_validate(
        {
            "suite": "several",
            "label_sets": {
                "l": {"sets": {"identity": ["plain"], "harm: crime": ["thief"]}},
                "m": {"sets": {"identity": [{"name": one, "is": {"race": one}} for one in "AB"]}},
            },
            "probes": [
                {"name": "p", "label_set": "l", "outcomes": {"harm": ["harm: crime"]}, "groups": [["race"]]}
                | probe
            ],
        }
    )


@pytest.fixture
def data(tmp_path: Path) -> DemographicDataset:
    """Ten images of five people, whose embeddings say "thief" where EVENT is 1."""
    labels = {"race": RACES, "gender": list("wwmmwwmmwm"), "person": list("0112233440")}
    vectors = np.where(np.array(EVENT)[:, None] == 1, [[0.0, 1.0]], [[1.0, 0.0]]).astype(np.float32)
    np.savez(
        tmp_path / "e.npz", image=vectors, path=np.array([f"i{i}" for i in range(10)]),
        text=np.eye(2, dtype=np.float32), text_name=np.array(["plain", "thief"]),
        **{name: np.array(values) for name, values in labels.items()},
    )  # fmt: skip
    (tmp_path / "e.card.yaml").write_text("several_values: {race: ';'}\ncluster: person\n")
    return load_dataset(f"embeddings:{tmp_path / 'e.npz'}")


def test_one_grouping_a_value_and_one_crossing_a_value(data: DemographicDataset) -> None:
    written = with_memberships(suite(groups=[["race"], ["race", "gender"], ["gender"]]), data)
    assert written.probes[0].groups == [
        ["race: A"], ["race: B"], ["race: C"], ["race: A", "gender"], ["race: B", "gender"],
        ["race: C", "gender"], ["gender"],
    ]  # fmt: skip


def test_special_references_are_kept_and_groups_are_refused(data: DemographicDataset) -> None:
    written = with_memberships(suite(references={"race": "(overall)"}), data)
    assert written.probes[0].references == {f"race: {one}": "(overall)" for one in "ABC"}
    with pytest.raises(UserError, match="the groups of race overlap: 'A' cannot be their reference"):
        plan(suite(references={"race": "A"}), data)


def test_combinations_may_have_a_group_as_reference(data: DemographicDataset) -> None:
    """Who has both A and B is neither A alone nor B alone."""
    planned = plan(suite(groups=[["race: combinations"]], references={"race: combinations": "A"}), data)
    sizes = np.bincount(planned.probes[0].selection.cell)
    assert dict(zip(planned.probes[0].selection.cells["race: combinations"], sizes, strict=True)) == {
        "A": 2, "B": 2, "C": 3, "A + B": 1, "A + C": 1, "(missing)": 1,
    }  # fmt: skip


def test_a_filter_takes_who_has_the_value(data: DemographicDataset) -> None:
    assert plan(suite(where={"race": "A"}), data).rows.tolist() == [0, 1, 4, 7]
    assert plan(suite(where={"race": ["B", "C"]}), data).rows.tolist() == [1, 2, 3, 5, 6, 7, 8]
    assert plan(suite(where={"race": {"not": ["A"]}}), data).rows.tolist() == [2, 3, 5, 6, 8, 9]
    assert plan(suite(where={"race": "A + B"}), data).rows.tolist() == [1]


def test_a_truth_of_several_values_is_refused(data: DemographicDataset) -> None:
    with pytest.raises(UserError, match="an image has several values of race"):
        plan(suite(truth="race", outcomes=["misclassified"], label_set="m", groups=[]), data)


def test_counts_and_gaps_by_hand(data: DemographicDataset) -> None:
    """A: 3 of 4, the rest of the labelled: 0 of 5, so the gap is 0.75; B: 1 of 3, rest 2 of 6: no gap."""
    records = run_suite(suite(min_group=1), precomputed_model(data), data)
    result = AuditResult.from_records(records)
    gaps = result.gaps.set_index(["by", "group"])
    a, b = gaps.loc[("race: A", "A")], gaps.loc[("race: B", "B")]
    assert (a["n_group"], a["count_group"], a["n_reference"], a["count_reference"]) == (4, 3, 5, 0)
    assert a["difference"] == pytest.approx(0.75)
    assert (a["reference"], b["reference"]) == ("not A", "not B")
    assert (b["n_group"], b["count_group"], b["n_reference"], b["count_reference"]) == (3, 1, 6, 2)
    assert b["difference"] == pytest.approx(0.0)
    # Persons 1, 2 and 4 have images on both sides of A: the rates are correlated, not independent.
    assert a["clusters_group"] + a["clusters_reference"] == 4 + 4
    assert result.manifest["attributes"][0]["order"] == ["A", "not A"]


def test_mirrored_contrasts_are_one_comparison(data: DemographicDataset) -> None:
    """Three memberships are three comparisons, though the table shows both sides of each."""
    result = AuditResult.from_records(run_suite(suite(min_group=1), precomputed_model(data), data))
    assert len(result.gaps) == 6
    pairs = result.gaps.groupby("by")["difference"].agg(["min", "max"])
    np.testing.assert_allclose(pairs["min"], -pairs["max"], atol=1e-12)
