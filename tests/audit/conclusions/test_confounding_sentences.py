from __future__ import annotations

from typing import Any

from audit.conclusions.confounding_sentences import confounding_about, confounding_sentence, data_caution
from probes.records.manifest_types import Confounding, Manifest


def pair(first: str, second: str, **changes: Any) -> Confounding:
    whole: Any = {
        "attributes": [first, second],
        "n": 100,
        "cramers_v": 0.876,
        "worst": {
            "attribute": first, "value": "a", "other": second, "other_value": "b", "n": 40, "count": 40,
            "n_rest": 60, "count_rest": 6,
        },
        "confounded": True,
    } | changes  # fmt: skip
    result: Confounding = whole
    return result


def test_the_sentence_gives_strength_and_cell() -> None:
    assert confounding_sentence(pair("skin_tone", "gender")) == (
        "skin tone and gender are confounded in these images (Cramer's V 0.88): of 40 with skin tone a, "
        "100.0\N{NO-BREAK SPACE}% have gender b, of the other 60 10.0\N{NO-BREAK SPACE}%. "
        "A gap by skin tone may be one by gender, and the other way round."
    )


def test_without_a_large_group_only_the_strength_is_told() -> None:
    text = confounding_sentence(pair("age", "gender", worst=None, confounded=False))
    assert text.startswith("age and gender are associated in these images (Cramer's V 0.88). A gap by")


def test_a_pair_is_about_a_grouping_that_has_one_of_the_two() -> None:
    pairs = [pair("tone", "gender"), pair("age", "vendor")]
    assert confounding_about(pairs, ["tone"]) == pairs[:1]
    assert confounding_about(pairs, ["tone", "gender"]) == []
    assert confounding_about(pairs, ["tone", "age"]) == pairs


def test_the_caution_of_the_data_names_what_is_confounded_the_strongest_first() -> None:
    pairs = [pair("a", "b", cramers_v=0.5), pair("c", "d"), pair("e", "f", confounded=False)]
    data: Any = {"name": "x", "caution": "Cartoons.", "confounding": pairs}
    manifest: Manifest = {
        "schema_version": 5, "suite": {"name": "s"}, "model": {"name": "m"}, "data": data, "attributes": [],
        "probes": [], "seed": 0,
    }  # fmt: skip
    text = data_caution(manifest)
    assert text.startswith("Cartoons. c and d")
    assert "a and b" in text
    assert "e and f" not in text
