"""From a probe's plan to what the engine takes: rules, outcomes, classes by design and template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from probes.planning.audit_plan import ProbePlan
from probes.planning.image_selection import TRUTH
from probes.planning.prompts import ensemble
from probes.rules.rule_registry import CURVE
from probes.scoring.calibrated_thresholds import class_thresholds
from probes.scoring.engine import PromptConfiguration, Question, Rows
from probes.scoring.threshold_lookup import RuleThresholds
from probes.suite.classification_probe import MISCLASSIFIED
from probes.suite.suite import Suite


def ask(planned: ProbePlan, suite: Suite) -> Question:
    """The rules with the suite's thresholds, the curve, and the event that each outcome is."""
    probe = planned.probe
    rules = [RuleThresholds.of(rule, suite.thresholds_of(rule)) for rule in probe.rules]
    # Rounded, so that the points read 0.07 and not 0.07 and a rest.
    curve = np.linspace(0, 1, suite.curve).round(6) if CURVE.name in probe.rules else np.zeros(0)
    outcomes = {
        name: name if name == MISCLASSIFIED or len(outcome.sets) > 1 else outcome.sets[0]
        for name, outcome in probe.outcomes.items()
    }
    return Question(rules=rules, curve=curve, outcomes=outcomes)


def configure(
    planned: ProbePlan, embedded: Mapping[str, np.ndarray], *, cells: pd.DataFrame
) -> tuple[list[PromptConfiguration], np.ndarray]:
    """A configuration for each design and template, and the embeddings [U, D] of the classes they share."""
    # Sorted, so that not even the last bit of a matrix product depends on the order of the classes.
    distinct = sorted({prompts for classes in planned.prompts.values() for prompts in classes.values()})
    position = {prompts: i for i, prompts in enumerate(distinct)}
    configurations = []
    for (design, template), classes in planned.prompts.items():
        names = sorted(classes)
        configurations.append(
            PromptConfiguration(
                key=(planned.probe.name, design, template),
                classes=tuple(names),
                columns=np.array([position[classes[name]] for name in names]),
                sets=planned.events(design),
                right=_right(planned, design, names, cells),
            )
        )
    return configurations, np.stack([ensemble([embedded[text] for text in prompts]) for prompts in distinct])


def _right(planned: ProbePlan, design: str, names: Sequence[str], cells: pd.DataFrame) -> np.ndarray | None:
    """[G, C] whether a class stands for the truth of a cell."""
    truth = planned.probe.truth
    if truth is None:
        return None
    meant = {item.name: item.stands_for(truth) for item in planned.designs[design].classes}
    return np.array([[value in meant[name] for name in names] for value in cells[TRUTH]], bool)


def calibrate(
    configurations: Sequence[PromptConfiguration],
    images: Rows,
    class_embeddings: np.ndarray,
    *,
    rule: RuleThresholds,
    cells: np.ndarray,
    device: str,
) -> list[PromptConfiguration]:
    """The configurations with a rule's thresholds for each class; a class and truth is calibrated once."""
    wanted: dict[tuple[int, bytes], np.ndarray] = {}
    n_cells = int(cells.max()) + 1
    keys = []
    for configuration in configurations:
        right = (
            np.zeros((n_cells, len(configuration.classes)), bool)
            if configuration.right is None
            else configuration.right
        )
        # Classes of several designs with the same words and truth are calibrated once.
        own = [(int(column), (~right[:, i]).tobytes()) for i, column in enumerate(configuration.columns)]
        wanted |= {key: ~right[:, i] for i, key in enumerate(own)}
        keys.append(own)
    place = {key: i for i, key in enumerate(wanted)}
    found = class_thresholds(
        images, class_embeddings, np.array([column for column, _ in wanted]), np.stack(list(wanted.values())),
        cells=cells, shares=rule.thresholds, device=device,
    )  # fmt: skip
    return [
        replace(
            configuration,
            class_thresholds={
                **configuration.class_thresholds,
                rule.name: found[:, [place[key] for key in own]],
            },
        )
        for configuration, own in zip(configurations, keys, strict=True)
    ]
