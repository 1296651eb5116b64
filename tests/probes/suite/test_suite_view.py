"""Probes are checked against anything that keeps the protocol, and a suite keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from probes.suite.label_sets import LabelSet
from probes.suite.measure_probes import WithTruth
from probes.suite.suite import Suite
from probes.suite.suite_view import SuiteView
from probes.suite.templates import Template

SETS = {"identity": [{"name": "red", "is": {"colour": "red"}}, "blue"]}


class LeastSuite:
    """What the protocol names and no more."""

    def __init__(self) -> None:
        suite = Suite.model_validate({"suite": "s", "label_sets": {"c": {"sets": SETS}}, "probes": [
            {"name": "p", "kind": "markedness", "marked": ["a"]}]})  # fmt: skip
        self.named_templates: Mapping[str, Template] = suite.named_templates
        self.template_texts: Mapping[str, Sequence[str]] = suite.template_texts
        self.label_set_names: list[str] = ["c"]
        self._label_set = suite.label_set("c")

    def label_set(self, name: str) -> LabelSet:
        assert name == "c"
        return self._label_set


def probe(**changes: Any) -> WithTruth:
    return WithTruth.model_validate(
        {"name": "p", "kind": "k", "label_set": "c", "truth": "colour", **changes}
    )


def test_a_probe_needs_of_its_suite_what_the_protocol_names() -> None:
    view: SuiteView = LeastSuite()
    probe().check(view, [])
    assert probe().classes(view).names == ["red", "blue"]
    with pytest.raises(ValidationError, match="unknown label set 'd'"):
        probe(label_set="d").check(view, [])
    with pytest.raises(ValidationError, match="unknown template 'plian'"):
        probe(templates=["plian"]).check(view, [])


def test_a_suite_has_every_member_of_the_protocol() -> None:
    members = {name for name in vars(SuiteView) if not name.startswith("_")}
    assert members == {"named_templates", "template_texts", "label_set_names", "label_set"}
    assert all(hasattr(Suite, name) for name in members)
