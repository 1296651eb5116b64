"""What the tables of a calibration study say together: the sentences at the head of docs/calibration.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from audit.calibration.scenarios import BY_NAME

COVERAGE: Final = ("rate", "difference", "ratio")
TARGETS: Final = {"coverage": (0.93, 0.98), "found": (0.75, 0.85)}
"""What the study is asked to show; what lies outside is named."""


def summary_sentences(tables: Mapping[str, pd.DataFrame]) -> str:
    """Return a list in Markdown: the worst of each figure over all scenarios, and what misses its target.

    Parameters
    ----------
    tables
        As of `calibration_page.write_page`.
    """
    bulk = tables["bulk"]
    lines = [
        _worst(bulk, "audits with a false finding", "have a false finding"),
        _worst(bulk, "audits with a gate that fails wrongly", "have a gate that fails wrongly"),
        _worst(bulk, "audits with a gate that passes wrongly", "have a gate that passes wrongly"),
        _covered(bulk, [f"coverage: {kind}" for kind in COVERAGE], "Rates, differences and ratios"),
        _covered(bulk, ["coverage: band"], "Bands over whole curves"),
        _selected(bulk),
        _power(bulk),
        _detectable(tables["detectable"]),
    ]
    for name, words in (
        ("measures", "Measures and gaps within strata"), ("hard", "Paired changes and mixed clusters")
    ):  # fmt: skip
        if name in tables:
            own = tables[name]
            figures = [one for one in own["figure"].unique() if str(one).startswith("coverage")]
            lines += [_covered(own, figures, words), _sizes(own, words)]
    return "\n".join(f"- {line}" for line in lines if line)


def _title(scenario: str) -> str:
    return BY_NAME[scenario].title if scenario in BY_NAME else scenario


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _worst(table: pd.DataFrame, figure: str, words: str) -> str:
    own = table[table["figure"] == figure]
    if not len(own):
        return ""
    row = own.iloc[int(own["value"].argmax())]
    where = f" ({_title(row['scenario'])}; at most {_percent(row['high'])})"
    return f"At most {_percent(row['value'])} of audits {words}{where}, in {len(own)} scenarios."


def _covered(table: pd.DataFrame, figures: list[str], words: str) -> str:
    own = table[table["figure"].isin(figures)]
    if not len(own):
        return ""
    low, high = TARGETS["coverage"]
    # Outside by more than its own simulation explains.
    missed = own[(own["low"] > high) | (own["high"] < low)]
    named = ", ".join(
        f"{_title(row['scenario'])}, {row['figure'].removeprefix('coverage: ')}: {row['value']:.3f}"
        for row in missed.to_dict("records")
    )
    said = f" **Outside {low:g} to {high:g} beyond the noise of the simulation:** {named}." if named else ""
    return f"{words} cover {_percent(own['value'].min())} to {_percent(own['value'].max())}.{said}"


def _selected(table: pd.DataFrame) -> str:
    own = table[table["figure"] == "coverage: found true gaps, selection-adjusted"]
    gaps = table[table["figure"] == "found gap over true gap"]["value"]
    if not len(own) or not len(gaps):
        return ""
    return (
        f"A found gap is on average {gaps.min():.2f} to {gaps.max():.2f} times the true one; its interval "
        f"that is adjusted for having been found covers in {_percent(own['value'].min())} or more."
    )


def _power(table: pd.DataFrame) -> str:
    """The share of true gaps found in audits of three probes, in their group of 20 persons."""
    three = [name for name, one in BY_NAME.items() if one.probes == 3 and one.gaps]
    own = table[(table["figure"] == "true gaps found") & table["scenario"].isin(three)]["value"]
    if not len(own):
        return ""
    # Of the error: rates .45 and .2, 140 images of correlation .4 in 20 persons of unequal numbers of them.
    return (
        f"A gap of 25 points in a group of 20 of 300 persons is found in {_percent(own.min())} to "
        f"{_percent(own.max())} of audits of three probes. Its standard error is 10 to 11 points: a test "
        "which knew it would find the gap in a third of audits at the level of the first step (.0014, 36 "
        "tests); Student's quantile of some 8 degrees of freedom is 4.7 there instead of 3.2. Fewer "
        "questions, or a confirmation split, buy more than another test would."
    )


def _detectable(table: pd.DataFrame) -> str:
    if not len(table):
        return ""
    low, high = TARGETS["found"]
    missed = table[(table["found"] < low) | (table["found"] > high)]
    named = ", ".join(f"{_title(row['scenario'])}: {row['found']:.3f}" for row in missed.to_dict("records"))
    said = f" **Outside {low:g} to {high:g}:** {named}." if named else ""
    return (
        f"The gap that is printed as detectable is found in {_percent(table['found'].min())} to "
        f"{_percent(table['found'].max())} of audits.{said}"
    )


def _sizes(table: pd.DataFrame, words: str) -> str:
    own = table[table["figure"].str.contains("below .05", regex=False)]
    if not len(own):
        return ""
    row = own.iloc[int(own["value"].argmax())]
    return (
        f"{words}: tests at .05 reject without a gap in at most {_percent(row['value'])} "
        f"({_title(row['scenario'])}, {row['figure'].split(':')[0]}; at most {_percent(row['high'])})."
    )
