"""A suite against itself: every name it uses is defined in it or shipped, and its rules can be applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import ValidationError

from probes.rules.rule_registry import RULES
from probes.suite.classification_probe import Probe
from probes.suite.gate_limits import Gate
from probes.suite.label_sets import DesignEdit, LabelSet
from probes.suite.population import Population
from probes.suite.probe_base import ProbeBase
from probes.suite.shipped.library import shipped
from probes.suite.shipped.published_figure_files import shipped_figures
from probes.suite.suite_view import SuiteView
from probes.suite.templates import Template
from probes.suite.validation_errors import check_known, misplaced, moved


class WholeSuite(SuiteView, Protocol):
    """A suite as its checks see it."""

    @property
    def templates(self) -> Mapping[str, Template] | str:
        """Templates by name, or the name of a shipped file."""

    @property
    def published(self) -> str | None:
        """A shipped file of figures."""

    @property
    def population(self) -> Population | None:
        """Whom the rates speak for."""

    @property
    def probes(self) -> Sequence[ProbeBase]:
        """The probes of every kind."""

    @property
    def gates(self) -> Sequence[Gate]:
        """The gates."""

    def thresholds_of(self, rule: str) -> Sequence[float]:
        """The thresholds of a rule."""

    def edits(self, probe: Probe) -> dict[str, DesignEdit]:
        """The class designs of a probe, by name."""

    def templates_of(self, probe: Probe) -> list[str]:
        """The names that a probe is asked under."""


def check_suite(suite: WholeSuite) -> None:
    """Check a whole suite.

    Raises
    ------
    ValidationError
        As `probes.suite.validation_errors.misplaced` makes it, with the place of the first mistake.
    """
    _check_names(suite)
    for position, probe in enumerate(suite.probes):
        if isinstance(probe, Probe):
            _check_probe(suite, probe, ["probes", position])
        probe.check(suite, ["probes", position])
    for position, gate in enumerate(suite.gates):
        _check_gate(suite, gate, ["gates", position])


def _check_names(suite: WholeSuite) -> None:
    names = [probe.name for probe in suite.probes]
    for position, name in enumerate(names):
        if name in names[:position]:
            message = f"two probes are named {name!r}"
            raise misplaced(["probes", position, "name"], message, remedy="rename one of them")
    if suite.published is not None:
        known = shipped_figures()
        check_known(suite.published, known, what="file of figures", location=["published"])
    if isinstance(suite.templates, str):
        check_known(suite.templates, shipped("templates"), what="template file", location=["templates"])


def _check_probe(suite: WholeSuite, probe: Probe, place: list[int | str]) -> None:
    known = suite.label_set_names
    check_known(probe.label_set, known, what="label set", location=[*place, "label_set"])
    for i, name in enumerate(probe.templates):
        known_templates = list(suite.named_templates)
        check_known(name, known_templates, what="template", location=[*place, "templates", i])
    designs = _edited_designs(suite, probe, place)
    if probe.truth and not any(design.covered(probe.truth) for design in designs):
        raise misplaced(
            [*place, "truth"],
            f"no class of the label set {probe.label_set!r} says which {probe.truth} it stands for",
            remedy=f"give its classes 'is: {{{probe.truth}: ...}}'",
        )
    sets = sorted({name for design in designs for name in design.sets})
    for name, outcome in probe.outcomes.items():
        # Tables name events of sets and outcomes alike, so a shared name must mean the same event.
        if name in sets and outcome.sets != [name]:
            message = f"the outcome {name!r} has the name of another set"
            raise misplaced([*place, "outcomes", name], message, remedy="rename it")
        for i, set_name in enumerate(outcome.sets):
            check_known(set_name, sets, what="set", location=[*place, "outcomes", name, i])
    _check_rules(suite, probe, designs, place)


def _check_rules(
    suite: WholeSuite, probe: Probe, designs: Sequence[LabelSet], place: Sequence[int | str]
) -> None:
    # The smallest design decides: thresholds are the same for all designs of a probe.
    fewest = min(len(design.names) for design in designs)
    for name in probe.rules:
        record, values = RULES[name].thresholds, suite.thresholds_of(name)
        if record is None:
            continue
        if not values:
            example = f"{record.example:g}"
            line = f"{record.key}: [{example}]" if record.key else f"rule_thresholds: {{{name}: [{example}]}}"
            raise misplaced(
                [*place, "rules"],
                f"the rule {name!r} needs {record.key or 'thresholds'}",
                remedy=f"add '{line}' to the suite, at the left margin beside 'probes:'",
            )
        if record.below_classes and (wrong := [value for value in values if value >= fewest]):
            message = (
                f"the rule {name!r} with {record.symbol} = {wrong[0]:g} assigns every one of the {fewest} "
                "classes of a design"
            )
            remedy = f"take {record.symbol} below {fewest}, or leave the rule out"
            raise misplaced([*place, "rules"], message, remedy=remedy)


def _edited_designs(suite: WholeSuite, probe: Probe, place: Sequence[int | str]) -> list[LabelSet]:
    base = suite.label_set(probe.label_set)
    designs = []
    try:
        edits = suite.edits(probe)
    except ValidationError as error:
        raise moved(error, place) from error
    for name, edit in edits.items():
        try:
            designs.append(base.edited(edit))
        except ValidationError as error:
            first = error.errors()[0]
            message = f"the design {name!r} does not fit the label set {base.name!r}: {first['msg']}"
            remedy = first.get("ctx", {}).get("remedy", "correct the design")
            raise misplaced([*place, "designs", name, *first["loc"]], message, remedy=remedy) from error
    return designs


def _check_gate(suite: WholeSuite, gate: Gate, place: list[int | str]) -> None:
    probes = {probe.name: probe for probe in suite.probes if isinstance(probe, Probe)}
    check_known(gate.probe, list(probes), what="probe", location=[*place, "probe"])
    probe = probes[gate.probe]
    if gate.outcome:
        check_known(gate.outcome, list(probe.outcomes), what="outcome", location=[*place, "outcome"])
    elif probe.truth is None:
        message = f"the probe {gate.probe!r} has no truth, so no accuracy"
        raise misplaced([*place, "metric"], message, remedy="take the metric 'rate' of an outcome")
    if gate.groups and gate.groups not in probe.groups:
        known = ", ".join(str(spec) for spec in probe.groups)
        message = f"the probe {gate.probe!r} has no groups {gate.groups}"
        raise misplaced([*place, "groups"], message, remedy=f"one of: {known}")
    for key, what, names in (
        ("designs", "design", list(suite.edits(probe))),
        ("templates", "template", suite.templates_of(probe)),
        ("rules", "rule", list(probe.rules)),
    ):
        for i, name in enumerate(getattr(gate, key)):
            check_known(name, names, what=what, location=[*place, key, i])
