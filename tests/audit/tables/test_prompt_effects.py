from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from audit.statistics.variation.prompt_variance import prompt_effect
from audit.statistics.variation.specification_curve_test import Images, JointCounts
from audit.tables.context import TableContext
from audit.tables.prompt_effects import PROMPT_COLUMNS, prompt_effect_table
from audit.tables.rates import gap_table
from tests.audit.support.naive_counts import manifest_of
from tests.audit.support.outcome_rows import counts_of, outcome_rows, probe_of

SPECIFICATIONS = [["default", template, "argmax", None] for template in "abcd"]
SHIFTS = np.array([0.0, 0.1, 0.2, 0.3])


def drawn(persons: int, images: int, *, seed: int) -> pd.DataFrame:
    """Two tones; prompt t adds SHIFTS[t] to the rate of the dark; images of a person answer alike."""
    rng = np.random.default_rng(seed)
    tone = np.repeat(rng.choice(["dark", "light"], persons), images)
    person = np.repeat([f"{number:016x}" for number in range(persons)], images)
    level = np.repeat(rng.random(persons), images) if images > 1 else rng.random(persons)
    alike = rng.random(len(tone)) < 0.7
    own = np.where(alike, level, rng.random(len(tone)))
    bits = own[:, None] < 0.3 + SHIFTS * (tone == "dark")[:, None]
    rows = outcome_rows(["".join("01"[int(bit)] for bit in image) for image in bits], tone=tone.tolist())
    return rows.assign(cluster=person)


def effects(outcomes: pd.DataFrame, **changes: object) -> pd.DataFrame:
    manifest = manifest_of(probe_of(SPECIFICATIONS, by=["tone"])) | changes
    context = TableContext.of(
        counts_of(outcomes, SPECIFICATIONS, by=["tone"]), manifest, ["tone"], outcomes=outcomes
    )
    return prompt_effect_table(context, gap_table(replace(context, outcomes=None)))


def test_rates_and_gaps_by_the_bare_function() -> None:
    """Independent images: the covariance of the rates by hand, from the bits."""
    outcomes = drawn(600, 1, seed=0)
    table = effects(outcomes)
    assert tuple(table.columns) == PROMPT_COLUMNS
    assert sorted(table[["by", "group", "reference"]].itertuples(index=False, name=None)) == [
        ("", "all images", ""), ("tone", "dark", ""), ("tone", "dark", "light"), ("tone", "light", ""),
        ("tone", "light", "dark"),
    ]  # fmt: skip
    bits = np.array([[int(character) for character in bit_string] for bit_string in outcomes["outcome_bits"]])
    sides = [bits[(outcomes["tone"] == tone).to_numpy()] for tone in ("dark", "light")]
    means, spread = [s.mean(axis=0) for s in sides], [np.cov(s.T) / len(s) for s in sides]
    rows = table.set_index(["group", "reference"])
    for key, values, covariance in (
        (("dark", ""), means[0], spread[0]),
        (("dark", "light"), means[0] - means[1], spread[0] + spread[1]),
    ):
        expected, row = prompt_effect(values, covariance), rows.loc[key]
        assert row["prompts"] == 4
        assert row["value"] == pytest.approx(expected.difference)
        assert row["sd_prompts"] == pytest.approx(expected.sd_prompts)
        for name in ("images_low", "images_high", "prompt_low", "prompt_high"):
            assert row[name] == pytest.approx(getattr(expected, name))
    gap = rows.loc[("dark", "light")]
    assert gap["prompt_low"] < gap["images_low"] < SHIFTS.mean() < gap["images_high"] < gap["prompt_high"]


def test_clusters_make_intervals_wider_and_few_of_them_say_nothing() -> None:
    outcomes = drawn(80, 8, seed=1)
    aware, blind = effects(outcomes), effects(outcomes.assign(cluster=outcomes["image"]))
    width = [t.set_index(["group", "reference"]).eval("images_high - images_low") for t in (aware, blind)]
    assert (width[0] > 1.3 * width[1]).all()
    few = effects(outcomes, min_clusters=60)
    rates = few[few["reference"] == ""].set_index("group")
    assert rates.loc["all images", "note"] == ""
    assert "fewer than 60, too few to say" in rates.loc["dark", "note"]
    assert np.isnan(rates.loc["dark", "prompt_low"])


def test_one_template_or_no_outcomes_leave_the_table_empty() -> None:
    outcomes = drawn(60, 1, seed=2)
    manifest = manifest_of(probe_of(SPECIFICATIONS, by=["tone"]))
    context = TableContext.of(counts_of(outcomes, SPECIFICATIONS, by=["tone"]), manifest, ["tone"])
    assert not len(prompt_effect_table(context, gap_table(context)))
    assert effects(outcomes)["threshold"].isna().all()


@pytest.mark.slow
def test_another_prompt_is_covered() -> None:
    """Prompts drawn anew, 60 persons of 6 images, six prompts of which one is kept for the end."""
    rng, hits, draws = np.random.default_rng(3), 0, 400
    for _ in range(draws):
        tone = np.repeat(rng.permutation(np.arange(60) % 2), 6)
        shift = rng.normal(0, 0.06, 6)
        person = np.repeat(np.arange(60), 6)
        level = np.where(rng.random(360) < 0.5, np.repeat(rng.random(60), 6), rng.random(360))
        chance = np.clip(0.4 + np.outer(tone, shift), 0, 1)
        bits = (level[:, None] < chance)[:, :5].astype(np.int64)
        kinds, bit_string = np.unique(bits, axis=0, return_inverse=True)
        joint = JointCounts(
            specifications=pd.DataFrame(), bits=kinds, names=["0", "1"],
            counts=np.stack([np.bincount(bit_string[tone == g], minlength=len(kinds)) for g in (0, 1)]),
            images=Images(group=tone, bit_string=bit_string.ravel(), cluster=person),
        )  # fmt: skip
        own, other = joint.sides("1", "0")
        gaps = own @ kinds / own.sum() - other @ kinds / other.sum()
        found = prompt_effect(gaps, joint.covariance("1", "0"), freedom=29)
        hits += found.prompt_low <= shift[5] <= found.prompt_high
    assert 0.93 <= hits / draws <= 0.995


def test_prompts_that_agree_have_no_degrees_of_freedom_to_state() -> None:
    """All four prompts give an image the same answer: nothing limits the freedom, and it is no infinity."""
    rng = np.random.default_rng(0)
    tone = rng.choice(["dark", "light"], 200)
    answers = ["1111" if bit else "0000" for bit in rng.random(200) < 0.4]
    table = effects(outcome_rows(answers, tone=tone.tolist()))
    assert (table["sd_prompts"] == 0).any()
    assert not np.isinf(table.select_dtypes("number").to_numpy(dtype=float)).any()
