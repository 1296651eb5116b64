"""Specifications, groups and contrasts in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audit import formatting as fmt
from audit.tables.primary import ALL
from probes.rules.rule_registry import rule_words


def asking(specification: Mapping[Any, Any], *, design: bool = True) -> str:
    """Return a specification in words: "default, plain, probability ≥ 0.2"."""
    rule = rule_words(specification["rule"], specification["threshold"])
    start = f"{fmt.words(specification['design'])}, " if design else ""
    return f"{start}{fmt.words(specification['template'])}, {rule}"


def group_name(row: Mapping[Any, Any], attributes: Sequence[str]) -> str:
    """Return a row's group in words: "dark × woman", or "all images" where it is not split."""
    split = [str(row[a]) for a in attributes if row.get(a, ALL) != ALL]
    return fmt.words(" x ".join(split)) if split else "all images"


def population(manifest: Mapping[str, Any]) -> str:
    """Return for whom the numbers of an audit speak, in a sentence or two.

    Examples
    --------
    >>> population({"population": None})
    'Numbers speak for the images as they are: the suite names no population.'
    """
    named = manifest.get("population")
    if not named:
        return "Numbers speak for the images as they are: the suite names no population."
    return (
        f"Rates, differences, changes, measures, tests and gates speak for {named['words']}. Rankings are "
        "not weighted: they show their own candidates."
    )


def contrast(gap: Mapping[Any, Any]) -> str:
    """Return a contrast in words, without its numbers: "skin tone dark against light"."""
    return f"{fmt.words(gap['by'])} {fmt.words(gap['group'])} against {fmt.words(gap['reference'])}"


def contrast_numbers(gap: Mapping[Any, Any], *, low: str, high: str) -> str:
    """Return the effect of a contrast with its interval, n and adjusted p."""
    interval = fmt.points_interval(gap[low], gap[high])
    return (
        f"{fmt.points(gap['difference'])} percentage points (95\N{NO-BREAK SPACE}% interval {interval}; "
        f"n {fmt.counted(gap['n_group'], gap.get('clusters_group'))} against "
        f"{fmt.counted(gap['n_reference'], gap.get('clusters_reference'))}; "
        f"adjusted p {fmt.p_value(gap['p_adjusted'])})"
    )
