from __future__ import annotations

import pytest

from clipmodel.errors import UserError
from probes.mitigation.method_registry import METHODS, chosen
from probes.mitigation.methods.reranking import RERANKERS


def test_controls_come_first_and_all_is_everything() -> None:
    assert chosen(["leace"]) == ["none", "random", "leace"]
    assert {*METHODS, *RERANKERS} < set(chosen(["all"]))
    with pytest.raises(UserError, match="unknown method 'leece'"):
        chosen(["leece"])


def test_every_method_has_a_name_a_source_and_a_sentence() -> None:
    for name, method in METHODS.items():
        assert method.name == name and method.source and method.about.endswith(".")
        assert method.needs in ("labels", "texts", "nothing")


def test_a_re_ranking_says_what_it_needs_at_use() -> None:
    for name, method in RERANKERS.items():
        assert method.name == name and method.about.endswith(".")
        assert "unlawful" in method.caution and "Geyik" in method.source


def test_an_unknown_method_suggests_the_closest() -> None:
    with pytest.raises(UserError, match="unknown method 'leaec'") as caught:
        chosen(["leaec"])
    assert "leace" in str(caught.value.remedy)
