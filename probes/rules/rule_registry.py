"""The assignment rules by name. A new one is a file beside these, an import and a name in `MODULES`."""

from __future__ import annotations

from probes.rules import argmax, calibrated, cosine, probability, top_k
from probes.rules.assignment_rule import AssignmentRule

MODULES = (argmax, top_k, probability, cosine, calibrated)
RULES: dict[str, AssignmentRule] = {module.RULE.name: module.RULE for module in MODULES}
"""By the name in a suite; the order is that of every list of rules."""
PREDICTION = argmax.RULE
"""What is asked unless a suite says otherwise."""
CURVE = probability.RULE
"""The rule whose threshold the curves follow over [0, 1]."""


def one_class_rules() -> list[str]:
    """The names of the rules that assign exactly one class to each image."""
    return [rule.name for rule in RULES.values() if rule.one_class]


def rule_words(name: str, threshold: float | None) -> str:
    """A rule in words: "probability >= 0.2", the sign as one character.

    Parameters
    ----------
    name
        A rule; of one that is not known, as in an audit of another version, the name is all there is to say.
    threshold
        None or NaN for a rule without.
    """
    if name in RULES:
        return RULES[name].worded(threshold)
    return f"{name.replace('_', ' ')} {'' if threshold is None else f'{threshold:g}'}"
