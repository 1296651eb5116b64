"""From a probe's plan to what the engine takes: rules, outcomes, and a specification a specification."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from probes.planning.audit_plan import ProbePlan
from probes.planning.image_selection import TRUTH
from probes.planning.prompts import ensemble
from probes.scoring.assignment_rules import PROBABILITY, Cuts
from probes.scoring.calibrated_thresholds import class_cuts
from probes.scoring.engine import Question, Rows, Specification
from probes.suite.classification_probe import MISCLASSIFIED, RULE_KEYS
from probes.suite.suite import Suite


def ask(planned: ProbePlan, suite: Suite) -> Question:
    """The rules with the suite's thresholds, the curve, and the event that each outcome is."""
    probe = planned.probe
    rules = [
        Cuts.of(rule, getattr(suite, RULE_KEYS[rule])) if rule in RULE_KEYS else Cuts.of(rule)
        for rule in probe.rules
    ]
    # Rounded, so that the points read 0.07 and not 0.07 and a rest.
    curve = np.linspace(0, 1, suite.curve).round(6) if PROBABILITY in probe.rules else np.zeros(0)
    outcomes = {
        name: name if name == MISCLASSIFIED or len(outcome.sets) > 1 else outcome.sets[0]
        for name, outcome in probe.outcomes.items()
    }
    return Question(rules=rules, curve=curve, outcomes=outcomes)


def specify(
    planned: ProbePlan, embedded: Mapping[str, np.ndarray], *, cells: pd.DataFrame
) -> tuple[list[Specification], np.ndarray]:
    """One specification a design and template, and the embeddings [U, D] of the classes they share."""
    # Sorted, so that not even the last bit of a matrix product depends on the order of the classes.
    distinct = sorted({prompts for classes in planned.prompts.values() for prompts in classes.values()})
    position = {prompts: i for i, prompts in enumerate(distinct)}
    specifications = []
    for (design, template), classes in planned.prompts.items():
        names = sorted(classes)
        specifications.append(
            Specification(
                key=(planned.probe.name, design, template),
                classes=tuple(names),
                columns=np.array([position[classes[name]] for name in names]),
                sets=planned.events(design),
                right=_right(planned, design, names, cells),
            )
        )
    return specifications, np.stack([ensemble([embedded[text] for text in prompts]) for prompts in distinct])


def _right(planned: ProbePlan, design: str, names: Sequence[str], cells: pd.DataFrame) -> np.ndarray | None:
    """[G, C] whether a class stands for the truth of a cell."""
    truth = planned.probe.truth
    if truth is None:
        return None
    meant = {item.name: item.stands_for(truth) for item in planned.designs[design].classes}
    return np.array([[value in meant[name] for name in names] for value in cells[TRUTH]], bool)


def calibrate(
    specifications: Sequence[Specification],
    images: Rows,
    class_embeddings: np.ndarray,
    *,
    cells: np.ndarray,
    shares: np.ndarray,
    device: str | torch.device,
) -> list[Specification]:
    """The specifications with the cuts of their classes; each class and truth is calibrated once."""
    wanted: dict[tuple[int, bytes], np.ndarray] = {}
    n_cells = int(cells.max()) + 1
    keys = []
    for spec in specifications:
        right = np.zeros((n_cells, len(spec.classes)), bool) if spec.right is None else spec.right
        own = [(int(column), (~right[:, i]).tobytes()) for i, column in enumerate(spec.columns)]
        wanted |= {key: ~right[:, i] for i, key in enumerate(own)}
        keys.append(own)
    place = {key: i for i, key in enumerate(wanted)}
    cuts = class_cuts(
        images, class_embeddings, np.array([column for column, _ in wanted]), np.stack(list(wanted.values())),
        cells=cells, shares=shares, device=device,
    )  # fmt: skip
    return [
        replace(spec, cuts=cuts[:, [place[key] for key in own]])
        for spec, own in zip(specifications, keys, strict=True)
    ]
