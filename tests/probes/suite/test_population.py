"""A population names weights or shares, and nothing that a run would have to guess at."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from probes.suite.population import Population


@pytest.mark.parametrize(
    ("written", "words"),
    [({"weights": "w"}, "the population of the weights (images weighted by the column w)"),
     ({"name": "adults", "weights": "w"}, "adults (images weighted by the column w)"),
     ({"name": "adults", "shares": {"sex": {"m": 0.49, "f": 0.51}, "age": {"old": 1.0}}},
      "adults (images weighted to shares of sex, age)")],
)  # fmt: skip
def test_the_population_in_words(written: dict[str, Any], words: str) -> None:
    assert Population.model_validate(written).words == words


def test_groups_that_yaml_reads_as_numbers_are_the_words_of_the_data() -> None:
    population = Population.model_validate({"shares": {"born": {1990: 0.25, 2000.0: 0.75}}})
    assert population.shares == {"born": {"1990": 0.25, "2000": 0.75}}


@pytest.mark.parametrize("second", [0.4995, 0.5, 0.5005])
def test_shares_that_were_rounded_need_not_sum_to_one(second: float) -> None:
    assert (
        Population.model_validate({"shares": {"sex": {"m": 0.5, "f": second}}}).shares["sex"]["f"] == second
    )


REFUSED: dict[str, tuple[dict[str, Any], tuple[object, ...], str]] = {
    "nothing": ({}, (), "a column of weights, or shares of its groups"),
    "both": ({"weights": "w", "shares": {"sex": {"m": 1.0}}}, (), "and not both"),
    "too little": ({"shares": {"sex": {"m": 0.5, "f": 0.4}}}, ("shares", "sex"), "sum to 0.9, not to 1"),
    "too much": ({"shares": {"sex": {"m": 0.5, "f": 0.5015}}}, ("shares", "sex"), "sum to 1.002, not to 1"),
    "the second attribute": (
        {"shares": {"sex": {"m": 1.0}, "age": {"old": 0.7}}}, ("shares", "age"), "shares of age sum to 0.7",
    ),
    "no group": ({"shares": {"sex": {}}}, ("shares", "sex"), "sum to 0, not to 1"),
    "an empty group": ({"shares": {"sex": {"m": 0.0, "f": 1.0}}}, ("shares", "sex", "m"), "greater than 0"),
    "percent": ({"shares": {"sex": {"m": 49, "f": 51}}}, ("shares", "sex", "m"), "less than or equal to 1"),
    "not a number": ({"shares": {"sex": {"m": float("nan")}}}, ("shares", "sex", "m"), "finite"),
    "a YAML truth": ({"shares": {"smiles": {True: 1.0}}}, ("shares", "smiles", 1, "[key]"), "in quotes"),
    "a long name": ({"weights": "w", "name": "x" * 201}, ("name",), "at most 200 characters"),
    "a misspelt key": ({"weigths": "w"}, ("weigths",), "unknown key"),
}  # fmt: skip


@pytest.mark.parametrize(("written", "place", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_told_at_its_place(
    written: dict[str, Any], place: tuple[object, ...], words: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Population.model_validate(written)
    first = caught.value.errors()[0]
    assert first["loc"] == place
    assert words in first["msg"]


def test_the_remedy_shows_both_ways_to_write_it() -> None:
    with pytest.raises(ValidationError) as caught:
        Population.model_validate({})
    remedy = caught.value.errors()[0]["ctx"]["remedy"]
    assert "{weights: COLUMN}" in remedy and "{shares: {gender:" in remedy
