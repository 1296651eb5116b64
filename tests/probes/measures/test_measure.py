from __future__ import annotations

from probes.measures import association, markedness
from probes.measures.measure import Measure
from probes.measures.registry import KINDS


def test_the_kind_is_the_name_in_the_schema() -> None:
    assert markedness.MEASURE.kind == "markedness"
    assert all(name == measure.kind for name, measure in KINDS.items())


def test_what_the_manifest_says_of_a_kind_is_read_without_its_code() -> None:
    settings = {"test": "c_asc", "correction": "bh", "permutations": 1999}
    described = association.MEASURE.described(settings)
    assert described["units"] == {"": "effect"} and described["drawn"] == []
    assert described["meaning"] == association.MEASURE.meaning
    assert "Benjamini-Hochberg" in described["rules"] and "1,999 permutations" in described["rules"]


def test_a_kind_without_rules_or_sizes_has_none() -> None:
    own = markedness.MEASURE
    bare = Measure(
        schema=own.schema, question="?", meaning="!", texts=own.texts, run=own.run, template="", units={},
        needs="prompts",
    )  # fmt: skip
    assert bare.described({"any": 1}) == {"meaning": "!", "units": {}, "drawn": [], "rules": ""}
    assert list(bare.sizes(None)) == []
