from __future__ import annotations

import pytest

from probes import records
from probes.records import SCHEMA_VERSION
from probes.records.manifest_types import version_words
from probes.records.vocabulary import CHANGES


def test_a_refused_version_says_what_changed_since() -> None:
    assert sorted(CHANGES) == list(range(1, SCHEMA_VERSION + 1))
    older = version_words(SCHEMA_VERSION - 1)
    assert f"version {SCHEMA_VERSION - 1}" in older
    assert CHANGES[SCHEMA_VERSION] in older
    assert "Since" not in version_words(SCHEMA_VERSION + 1)
    assert "Since" not in version_words("2")


def test_names_that_moved_to_the_rules_are_there_for_one_more_release() -> None:
    with pytest.warns(DeprecationWarning, match="probes.rules.rule_registry"):
        assert records.RULES == ("argmax", "top_k", "probability", "cosine", "calibrated")
    with pytest.warns(DeprecationWarning):
        assert records.RANGES["cosine"] == (-1, 1)
    with pytest.raises(AttributeError, match="no attribute 'NOTHING'"):
        records.NOTHING  # noqa: B018
