from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from audit.statistics.proportion.proportions import newcombe
from clipmodel.errors import UserError
from tests.probes.measures.colours import one


def test_pronouns_by_hand(ask: Callable[..., pd.DataFrame]) -> None:
    """The pronoun "red" is right for women: 4 of 6; "green" for men: 3 of 6, as blue prefers neither."""
    rows = ask(
        kind="pronouns", caption="{pronoun} in the {region}", truth="gender",
        pronouns={"woman": "red", "man": "green"},
    )  # fmt: skip
    women, men = (one(rows, item=item) for item in ("woman: red", "man: green"))
    assert (women["n"], men["n"]) == (6, 6)
    gap = one(rows, metric="resolution gap")
    assert gap["value"] == pytest.approx(women["value"] - men["value"])
    counts = [round(6 * part["value"]) for part in (women, men)]
    assert gap["low"] == pytest.approx(float(newcombe(counts[0], 6, counts[1], 6)[0]))
    mean = one(rows, metric="resolution accuracy", item="both")
    assert mean["value"] == pytest.approx((women["value"] + men["value"]) / 2)


def test_a_caption_needs_its_pronoun_once_and_its_slots_are_attributes(
    ask: Callable[..., pd.DataFrame],
) -> None:
    pronouns = {"woman": "red", "man": "green"}
    with pytest.raises(ValueError, match=r"needs \{pronoun\} once"):
        ask(kind="pronouns", caption="a person", truth="gender", pronouns=pronouns)
    with pytest.raises(UserError, match="no attribute 'country'"):
        ask(kind="pronouns", caption="{pronoun} of {country}", truth="gender", pronouns=pronouns)
    with pytest.raises(UserError, match="no image has all of region, gender"):
        ask(
            kind="pronouns", caption="{pronoun} in {region}", truth="gender",
            pronouns={"boy": "red", "girl": "green"},
        )  # fmt: skip
