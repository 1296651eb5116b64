from __future__ import annotations

import pytest

from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import EmbeddingStore
from probes.runner import run_suite
from probes.suite.suite import Suite
from tests.probes.conftest import FakeModel
from tests.probes.measures.colours import one, suite_of
from tests.support.measured import measures_of


def test_both_conditionals_by_hand(model: FakeModel, data: TableDataset, store: EmbeddingStore) -> None:
    """Four of six women and one of six men are red: P(red | woman) 2/3, P(woman | red) 4/5."""
    sets = {"identity": ["green", "blue"], "harm: red": ["red"]}
    suite = Suite.model_validate(
        {"suite": "s", "label_sets": {"c": {"sets": sets}}, "probes": [
            {"name": "p", "kind": "conditionals", "label_set": "c", "groups": [["gender"]],
             "outcomes": {"harm": ["harm: red"]}}]}
    )  # fmt: skip
    rows = measures_of(run_suite(suite, model, data, store=store))
    assert one(rows, metric="P(harm | group)", gender="woman")["value"] == pytest.approx(4 / 6)
    found = one(rows, metric="P(group | harm)", gender="woman")
    assert (found["n"], found["value"]) == (5, pytest.approx(4 / 5))
    assert "50.0% of all images" in found["note"]


def test_a_class_counts_among_the_k_most_similar_from_a_probability(
    model: FakeModel, data: TableDataset, store: EmbeddingStore
) -> None:
    """Among all three classes every image has red; with a probability of .5 the five red images have it."""
    sets = {"identity": ["green", "blue"], "harm: red": ["red"]}
    probe = {"name": "p", "kind": "conditionals", "label_set": "c", "outcomes": {"harm": ["harm: red"]}}
    for more, expected in (({"k": 3}, 1.0), ({"k": 3, "at_least": 0.5}, 5 / 12)):
        suite = Suite.model_validate(
            {"suite": "s", "label_sets": {"c": {"sets": sets}}, "probes": [{**probe, **more}]}
        )
        rows = measures_of(run_suite(suite, model, data, store=store))
        assert one(rows, metric="P(harm | group)")["value"] == pytest.approx(expected)
    with pytest.raises(ValueError, match="unknown set 'identiti'"):
        suite_of(kind="conditionals", label_set="colours", outcomes={"any": ["identiti"]})
