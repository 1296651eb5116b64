from __future__ import annotations

from typing import Any

import pytest

from probes.records import attribute_entry, check_manifest
from tests.audit.support.naive_counts import manifest_of, probe_entry

MANIFEST = manifest_of(probe_entry())


def test_a_manifest_with_the_least_keys_is_one() -> None:
    check_manifest(MANIFEST)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "many"}, r"manifest: seed: Input should be a valid integer"),
        ({"sead": 0}, r"manifest: sead: Extra inputs are not permitted"),
        ({"data": {"name": "x", "n_image": 3}}, r"manifest: data.n_image: Extra"),
        ({"data": {}}, r"manifest: data.name: Field required"),
        ({"probes": [probe_entry(groups=["gender"])]}, r"probes.0.groups.0: Input should be a valid list"),
        ({"probes": [probe_entry(control=["age"])]}, r"compares by \['age'\]"),
        ({"attributes": [attribute_entry("gender")] * 2}, r"\['gender'\] are there twice"),
        (
            {"attributes": [attribute_entry("rate") | {"column": "rate"}]},
            r"'rate' has the column 'attribute: rate'",
        ),
        ({"attributes": [attribute_entry("a") | {"of": "planet"}]}, r"attributes.0.of: Input should be"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_manifest({**MANIFEST, **change})
