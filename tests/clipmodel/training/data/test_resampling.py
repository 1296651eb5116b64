"""Rows left out and repeated: exact shares, nested strengths, any order, and what it says it did."""

from __future__ import annotations

import json
import logging
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from clipmodel.errors import UserError
from clipmodel.training.data.resampling import RepeatRecipe, ThinRecipe, repeated, row_draws, thinned
from clipmodel.training.loop import train
from clipmodel.training.recipe import DataRecipe, Recipe, load_recipe
from tests.clipmodel.training.conftest import RECIPE


def _people(n: int = 200) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image": [bytes([i % 256, i // 256]) for i in range(n)],
            "occupation": ["judge", "cook"] * (n // 2),
            "tone": ["light", "light", "medium-dark", "dark", "dark"] * (n // 5),
            "words": [np.array(["bench", str(i)]) for i in range(n)],
        }
    )


def _rule(strength: float, **options: object) -> ThinRecipe:
    where = {"occupation": "judge", "tone": ["dark", "medium-dark"]}
    return ThinRecipe.model_validate({"where": where, "strength": strength, **options})


def _left(strength: float, **options: object) -> set[bytes]:
    frame, _ = thinned(_people(), [_rule(strength, **options)], source="people")
    return set(frame["image"])


def test_the_share_is_exact_and_only_matching_rows_go() -> None:
    # Of 200 rows half are judges, and of any five in turn three are dark or medium-dark: 60 match.
    people = _people()
    frame, summary = thinned(people, [_rule(0.9)], source="people")
    assert len(frame) == 200 - 54
    assert summary == [{**_rule(0.9).model_dump(), "matched": 60, "left_out": 54}]
    gone = people[~people["image"].isin(frame["image"])]
    assert set(gone["occupation"]) == {"judge"}
    assert set(gone["tone"]) == {"dark", "medium-dark"}


def test_strengths_nest_and_the_ends_are_none_and_all() -> None:
    left = [_left(strength) for strength in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert [len(rows) for rows in left] == [200, 185, 170, 155, 140]
    assert all(less < more for more, less in pairwise(left))


def test_another_seed_leaves_out_others_and_the_order_of_rows_does_not_matter() -> None:
    assert _left(0.5) != _left(0.5, seed=1)
    shuffled = _people().sample(frac=1, random_state=0)
    frame, _ = thinned(shuffled, [_rule(0.5)], source="people")
    assert set(frame["image"]) == _left(0.5)


def test_draws_are_uniform_and_see_the_whole_row() -> None:
    people = _people(1000)
    draws = row_draws(people, seed=0)
    # Ten bins of 100: chi-squared with nine degrees of freedom is below 27.9 in 999 of 1,000.
    counts = np.histogram(draws, bins=10, range=(0, 1))[0]
    assert ((counts - 100) ** 2 / 100).sum() < 27.9
    changed = row_draws(people.assign(tone="light"), seed=0)
    assert ((draws == changed) == (people["tone"] == "light")).all()


def test_rules_look_at_all_rows_and_lists_match_by_any_of_their_items() -> None:
    bench = ThinRecipe.model_validate({"where": {"words": "bench"}, "strength": 0.5})
    frame, summary = thinned(_people(), [_rule(1.0), bench], source="people")
    assert [entry["matched"] for entry in summary] == [60, 200]
    alone, _ = thinned(_people(), [bench], source="people")
    assert set(frame["image"]) == set(alone["image"]) & _left(1.0)


@pytest.mark.parametrize(
    ("rule", "message", "remedy"),
    [
        ({"where": {"job": "judge"}, "strength": 1}, "no column 'job'", "columns: image, occupation"),
        ({"where": {"tone": "darker"}, "strength": 1}, "no row matches tone darker", "dark, light, medium"),
        ({"where": {"words": "bench"}, "strength": 1}, "no rows are left of 'people'", "lower a strength"),
    ],
)
def test_rules_that_cannot_be_followed(rule: dict[str, object], message: str, remedy: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        thinned(_people(), [ThinRecipe.model_validate(rule)], source="people")
    assert remedy in str(caught.value.remedy)


def _repeat(times: int, **where: object) -> RepeatRecipe:
    return RepeatRecipe.model_validate({"where": where, "times": times})


def test_rows_are_repeated_as_often_as_the_highest_rule_says() -> None:
    people = _people(10)  # judges are the even rows; tones light, light, medium-dark, dark, dark, and again
    frame, summary = repeated(people, [_repeat(2, occupation="judge"), _repeat(4, tone="dark")], source="p")
    # Dark: rows 3, 4, 8, 9, four times each. Judges that are not dark: rows 0, 2, 6, twice.
    assert frame.index.value_counts().to_dict() == {
        **dict.fromkeys((3, 4, 8, 9), 4),
        **dict.fromkeys((0, 2, 6), 2),
        **dict.fromkeys((1, 5, 7), 1),
    }
    assert list(frame.index[:10]) == list(range(10))
    assert [entry["matched"] for entry in summary] == [5, 4]


def test_without_rules_every_row_is_there_once() -> None:
    frame, summary = repeated(_people(), [], source="people")
    assert frame.equals(_people())
    assert summary == []


def test_a_repeat_that_matches_nothing_names_its_place() -> None:
    with pytest.raises(UserError, match=r"people: data\.repeat: no row matches tone darker"):
        repeated(_people(), [_repeat(2, tone="darker")], source="people")


def test_a_strength_beyond_one_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    data = {**RECIPE["data"], "thin": [{"where": {"shape": "disc"}, "strength": 1.5}]}  # type: ignore[dict-item]
    path.write_text(yaml.safe_dump({**RECIPE, "data": data}))
    with pytest.raises(UserError, match=r"own\.yaml, line \d+: data\.thin\.0\.strength"):
        load_recipe(str(path))


def test_a_run_says_what_it_left_out_in_its_log_and_beside_its_model(
    recipe: Recipe, images: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rule = {"where": {"shape": "disc", "colour": ["orange", "blue"]}, "strength": 0.5}
    more = {"where": {"shape": "disc"}, "times": 3}
    data = DataRecipe.model_validate({**recipe.data.model_dump(), "thin": [rule], "repeat": [more]})
    with caplog.at_level(logging.INFO, "clipmodel.training"):
        train(
            recipe.model_copy(update={"data": data}),
            out=tmp_path,
            steps=1,
            seed=3,
            resolve=lambda _: [images],
        )
    # Discs are the even rows of 36 and row 5; orange or blue are two of three: 12 of the even ones and row 5.
    assert "thinned shape disc and colour orange or blue: 6 of 13 rows left out" in caplog.messages
    summary = json.loads((tmp_path / "model" / "training.json").read_text())
    # 19 discs less 6 are left, and are seen three times.
    assert summary["rows"] == 30 + 2 * 13
    assert summary["repeated"] == [{**data.repeat[0].model_dump(), "matched": 13}]
    assert summary["thinned"] == [{**data.thin[0].model_dump(), "matched": 13, "left_out": 6}]
    assert (summary["seed"], summary["steps"]) == (3, 1)
    assert Recipe.model_validate(summary["recipe"]).data.thin == data.thin
