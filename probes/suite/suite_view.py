"""What a probe may ask of its suite. It is a protocol because the suite imports the probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from probes.suite.label_sets import LabelSet
from probes.suite.templates import Template


class SuiteView(Protocol):
    """The names that a suite defines, for the checks of its probes."""

    @property
    def named_templates(self) -> Mapping[str, Template]:
        """Templates by name."""

    @property
    def template_texts(self) -> Mapping[str, Sequence[str]]:
        """The texts of each template as it is rendered, by name."""

    @property
    def label_set_names(self) -> list[str]:
        """Label sets of the suite's own, and shipped ones."""

    def label_set(self, name: str) -> LabelSet:
        """A label set by name."""
