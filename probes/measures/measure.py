"""The record of a kind of non-classification probe: all that the rest of the program knows of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from probes.datasets.demographic_dataset import DemographicDataset
from probes.measures.measure_context import MeasureContext, Results
from probes.suite.probe_base import ProbeBase
from probes.suite.suite_view import SuiteView

Unit = Literal["share", "points", "effect"]
Needs = Literal["words", "classes", "prompts"]


def _no_sizes(probe: Any) -> Sequence[int]:
    return ()


def _no_rules(settings: Mapping[str, Any]) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One kind of probe.

    Attributes
    ----------
    schema
        The model of its YAML; its field `kind` holds the name.
    question
        What it asks, for `clip-audit probe new`.
    meaning
        What its numbers say, for the report: one or two sentences.
    texts
        (probe, suite, dataset) -> the texts that it needs embedded. UserError if the data do not fit.
    run
        (probe, context) -> scalars and what to estimate from them.
    units
        The start of a metric's name -> its unit; "share" for every other metric. A share is of images,
        points a difference of shares, an effect any other number.
    drawn
        Starts of the metrics that the report's figure shows; all if empty.
    needs
        What `clip-audit probe new` asks for: words, classes, or free prompts.
    needs_truth, changes
        Whether the kind needs an attribute with the right answer; how it calls an attribute whose values it
        compares, "" if it compares none.
    template
        The lines of a new suite that are this kind's own, with `$` placeholders
        (`audit.commands.new_suite.measure_text`).
    rules
        Settings, as in the manifest -> the rules that a number depends on, in words.
    sizes
        Longer sides, in pixels, to which the images are also downscaled and embedded: `images.downscaled`.
    """

    schema: type[ProbeBase]
    question: str
    meaning: str
    texts: Callable[[Any, SuiteView, DemographicDataset], Collection[str]]
    run: Callable[[Any, MeasureContext], Results]
    template: str
    needs: Needs
    units: Mapping[str, Unit]
    drawn: Sequence[str] = ()
    needs_truth: bool = False
    changes: str = ""
    rules: Callable[[Mapping[str, Any]], str] = _no_rules
    sizes: Callable[[Any], Sequence[int]] = _no_sizes

    @property
    def kind(self) -> str:
        """The name in the YAML."""
        return str(get_args(self.schema.model_fields["kind"].annotation)[0])

    def described(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What the manifest says of the kind, so that an audit is read without this code."""
        return {
            "meaning": self.meaning,
            "units": dict(self.units),
            "drawn": list(self.drawn),
            "rules": self.rules(settings),
        }
