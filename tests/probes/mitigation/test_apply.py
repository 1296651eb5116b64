"""A suite on twelve coloured images, embedded once and asked again with a mitigation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import EmbeddingStore
from probes.mitigation.apply import Embedded, MitigatedModel, embed_suite, part, with_mitigation
from probes.mitigation.method_registry import METHODS
from probes.suite.suite import Suite
from tests.probes.conftest import FakeModel
from tests.probes.measures.colours import COLUMNS, PEOPLE

COLOURS = {"note": "why", "sets": {"identity": ["green", "blue"], "harm: red": ["red"]}}
PROBE: dict[str, Any] = {
    "name": "p", "label_set": "c", "groups": [["gender"]], "outcomes": {"harm": ["harm: red"]},
    "where": {"colour": {"not": ["blue"]}},
}  # fmt: skip
RESOLUTION = {"name": "r", "kind": "image_resolution", "label_set": "t", "truth": "colour", "sizes": [2]}
TRUTHS = {
    "note": "why",
    "sets": {"identity": [{"name": c, "is": {"colour": c}} for c in ("red", "green", "blue")]},
}


def suite_of(*probes: dict[str, Any]) -> Suite:
    return Suite.model_validate(
        {"suite": "s", "label_sets": {"c": COLOURS, "t": TRUTHS}, "probes": list(probes)}
    )


@pytest.fixture
def data(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    return TableDataset(write_table(pd.DataFrame(PEOPLE, columns=COLUMNS)))


@pytest.fixture
def embedded(data: TableDataset, model: FakeModel, store: EmbeddingStore) -> Embedded:
    return embed_suite(suite_of(PROBE, RESOLUTION), model, data, store=store)


def test_probes_that_need_the_images_are_left_out(embedded: Embedded) -> None:
    assert embedded.left_out == ("r",) and [probe.name for probe in embedded.suite.probes] == ["p"]
    # Nine of the twelve are not blue.
    assert len(embedded.dataset) == 9 and embedded.dataset.embeddings.shape == (9, 3)


def test_a_suite_without_classification_cannot_be_judged(
    data: TableDataset, model: FakeModel, store: EmbeddingStore
) -> None:
    with pytest.raises(UserError, match="no probe that classifies"):
        embed_suite(suite_of(RESOLUTION), model, data, store=store)


def test_the_halves_make_up_the_whole_and_values_may_be_gone(embedded: Embedded) -> None:
    fit, measured = embedded.half(fit=True), embedded.half(fit=False)
    assert len(fit) + len(measured) == 9 and not set(fit.frame["image_id"]) & set(measured.frame["image_id"])
    women = part(embedded.dataset, (embedded.dataset.values("gender") == "woman").to_numpy())
    assert set(women.frame["gender"]) == {"woman"}
    # No image has the colour "blue" any more: the filter excludes nothing and is no mistake.
    assert embedded.ask(embedded.dataset).counts["n"].max() > 0


def test_without_a_mitigation_the_counts_are_the_same(embedded: Embedded) -> None:
    plain = embedded.ask(embedded.dataset)
    none = METHODS["none"]().fit(embedded.fit_data("gender", {}))
    again = embedded.ask(embedded.changed(embedded.dataset, none))
    pd.testing.assert_frame_equal(plain.counts, again.counts)


def test_fit_data_has_the_known_groups_and_their_words(embedded: Embedded) -> None:
    found = embedded.fit_data("gender", {"woman": ("lady",)})
    assert found.levels == ["man", "woman"]
    assert found.words == {"man": ("man", "male"), "woman": ("lady",)}
    assert len(found.images) == len(found.codes) == len(embedded.half(fit=True))
    np.testing.assert_array_equal(found.text_vectors, embedded.dataset.texts.vectors)


def test_a_model_behind_a_mitigation_keeps_the_protocol(
    embedded: Embedded, data: TableDataset, model: FakeModel, tmp_path: Path
) -> None:
    mitigation = METHODS["random"]().fit(embedded.fit_data("gender", {}))
    mitigation.save(tmp_path / "m.npz")
    changed, same = with_mitigation(model, data, tmp_path / "m.npz")
    assert same is data and isinstance(changed, MitigatedModel)
    assert not changed.any_mode  # as the fake model, which wants RGB
    assert changed.name == "fake with random" and changed.fingerprint != model.fingerprint
    pixels = model.preprocess(data.open_image(0))[None]
    vectors = changed.encode_image(pixels)
    assert vectors.norm(dim=-1).item() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(
        vectors.numpy(), mitigation.images(model.encode_image(pixels).numpy()), atol=1e-6
    )
    model.embed_dim = 5  # type: ignore[misc]
    with pytest.raises(UserError, match="fitted to embeddings of 3 dimensions, fake has 5"):
        with_mitigation(model, data, tmp_path / "m.npz")
