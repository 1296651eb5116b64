"""A finding in words: what was found, in how many specifications, and what could explain it otherwise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from audit.conclusions.confounding_sentences import confounding_about, confounding_sentence
from audit.formatting import integer, p_value, percent, points, points_interval, words
from audit.statistics.proportion.label_noise import gap_behind_noise
from audit.tables.groups.group_counts import JOINT
from clipmodel.plurals import number_of
from probes.rules.rule_registry import PREDICTION, rule_words

SMALL_GROUP = 30
"""Images below which a finding carries a caution."""

AT_RANDOM = 0.05
"""Share of labels wrong at random for which the gap behind them is told."""

Titles = Mapping[tuple[str, str], tuple[str, str]]


def titles_of(manifest: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, str]]:
    """Titles of probe and outcome by their names."""
    return {
        (probe["name"], outcome["name"]): (
            probe.get("title") or words(probe["name"]),
            outcome.get("title") or words(outcome["name"]),
        )
        for probe in manifest["probes"]
        for outcome in probe["outcomes"]
    }


def sentence(row: Mapping[str, Any], titles: Titles) -> str:
    """One finding: group, effect, interval, n, adjusted p, and the specifications in which it holds."""
    probe, outcome = titles[row["probe"], row["outcome"]]
    more = "more" if row["difference"] > 0 else "less"
    group, reference = words(row["group"]), words(row["reference"])
    return (
        f"{probe}, {specification_words(row)}: {outcome} {more} often for {group} than for {reference}, "
        f"{percent(row['rate_group'])} of {_images(row, 'group')} against "
        f"{percent(row['rate_reference'])} of {_images(row, 'reference')}: {points(row['difference'])} "
        f"percentage points (95\N{NO-BREAK SPACE}% interval {points_interval(row['low'], row['high'])}; "
        f"adjusted p {p_words(row['p_adjusted'])}). {_specifications(row)}"
    )


def _images(row: Mapping[str, Any], side: str) -> str:
    """ "1,800 images in 300 clusters", or "18 images" where each is a cluster of its own."""
    n, clusters = row[f"n_{side}"], row.get(f"clusters_{side}", math.nan)
    fewer = f" in {integer(clusters)} cluster{'' if clusters == 1 else 's'}" if 0 < clusters < n else ""
    return f"{number_of(n, 'image')}{fewer}"


def _specifications(row: Mapping[str, Any]) -> str:
    if row["specifications"] == 1:
        return "Asked in one specification."
    spread = f"{points(row['difference_min'])} to {points(row['difference_max'])}"
    turns = row["difference_min"] < 0 < row["difference_max"]
    held = f"{integer(row['holds_in'])} of {integer(row['specifications'])}"
    turning = ", so its direction depends on the specification" if turns else ""
    return f"It holds in {held} specifications; over all of them the difference is {spread}{turning}."


def specification_words(row: Mapping[str, Any]) -> str:
    """A specification in words: "design default, template plain"; with the rule unless it is argmax."""
    rule = "" if row["rule"] == PREDICTION.name else f", {rule_words(row['rule'], row['threshold'])}"
    return f"design {words(row['design'])}, template {words(row['template'])}{rule}"


def p_words(p: float) -> str:
    """A p-value after the word "p": "= 0.012", "< 0.001"."""
    text = p_value(p)
    return text if text.startswith("<") else f"= {text}"


def noise_words(row: Mapping[str, Any]) -> str:
    """How wrong the labels would have to be to explain a finding (`statistics.proportion.label_noise`)."""
    group, on = words(row["group"]), "with" if row["difference"] > 0 else "without"
    share = percent(row["wrong_labels"] / row["n_group"])
    text = (
        f"To explain it by wrong labels of {words(row['by'])}, {integer(row['wrong_labels'])} of the "
        f"{number_of(row['n_group'], 'image')} labelled {group} ({share}) would have to be of others, "
        f"every one of them an image {on} the outcome"
    )
    if row["outcome"] == "misclassified":
        worse = group if row["difference"] > 0 else words(row["reference"])
        text += f"; or the right answer of {number_of(row['wrong_truths'], 'image')} of {worse} is wrong"
    behind = float(gap_behind_noise(row["difference"], row["n_group"], row["n_reference"], share=AT_RANDOM))
    # No such noise can be behind the gap.
    if math.isnan(behind) or abs(behind) > 1:
        return f"{text}."
    return (
        f"{text}. Labels that are wrong at random narrow a gap: were {percent(AT_RANDOM)} of them, "
        f"the true difference would be {points(behind)} points."
    )


def caution(row: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """What else could be behind a finding: few images, dependent ones, associated attributes."""
    parts = []
    if min(row["n_group"], row["n_reference"]) < SMALL_GROUP:
        parts.append(f"One side has fewer than {SMALL_GROUP} images.")
    if data.get("cluster"):
        known = row.get("design_effect") is not None
        effect = (
            "the interval is wider for it" if known
            else "the interval takes them as independent and may be too narrow"
        )  # fmt: skip
        parts.append(f"Images that share a {words(data['cluster'])} depend on each other; {effect}.")
    about = confounding_about(data.get("confounding") or (), row["by"].split(JOINT))
    parts += map(confounding_sentence, about)
    return " ".join([*parts, str(data.get("caution") or "")]).strip()
