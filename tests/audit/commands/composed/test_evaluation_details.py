from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from audit.commands.composed.evaluation_details import details_of, result_of
from probes.embeddings.embedded_images import EmbeddedImages
from tests.audit.commands.composed.test_evaluation_runs import made

IMAGES = EmbeddedImages(
    rows=np.array([0, 1, 3]), vectors=np.eye(3, dtype=np.float32), unreadable={2: "broken"}, n_new=0,
    content_sha256="c",
)  # fmt: skip


def details(**changes: Any) -> dict[str, Any]:
    model: Any = SimpleNamespace(preprocess_id="plain", fingerprint="f")
    return details_of(model, made(**changes), IMAGES, seed=3)


def test_what_was_evaluated_is_stated() -> None:
    found = details(entry={"licence": "CC0"})
    assert (found["images"], found["seed"], found["fingerprint"]) == (3, 3, "f")
    assert found["unreadable"] == [{"id": "k", "reason": "broken"}]
    # Terms that nobody read for the entry are marked.
    assert found["licence"] == "CC0 (unchecked)"
    assert details(entry={"licence": "CC0", "licence_checked": True})["licence"] == "CC0"


def test_other_labels_have_another_digest() -> None:
    first, same = details(), details()
    other = details(truth=np.array([1, 1, 0, 1]))
    assert first["labels_sha256"] == same["labels_sha256"] != other["labels_sha256"]


def test_a_result_carries_the_names_of_model_and_set() -> None:
    result = result_of(("m", "w"), made(), "linear_probe", {}, "lp_acc1", {"a": 1}, {})
    assert (result.model, result.pretrained, result.dataset, result.task) == ("m", "w", "own", "linear_probe")
