"""Splits and drawing ids, on a made table and on the data set as shipped."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from scripts.build_emoji.splits import HELD_OUT_FAMILIES, add_drawing_ids, add_splits, held_out_combinations

DATA = Path("probes/data/emoji")
CELL = ["occupation", "skin_tone", "gender"]


@pytest.fixture(scope="module")
def shipped() -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(DATA.glob("*.parquet"))], ignore_index=True)


def _rows(*vendors: tuple[str, str], genders: tuple[str, ...] = ("woman", "man")) -> pd.DataFrame:
    cells = [(v, f, g, t) for v, f in vendors for g in genders for t in ("light", "dark")]
    rows = pd.DataFrame(cells, columns=["vendor", "design_family", "gender", "skin_tone"])
    return rows.assign(concept="judge", occupation="judge")


def _never(first: int, second: int) -> bool:
    return False


def test_tones_and_the_two_fluent_sets_share_a_drawing() -> None:
    rows = add_drawing_ids(_rows(("fluent-emoji", "fluent"), ("fluent-emoji-flat", "fluent")), _never)
    assert set(rows["drawing_id"]) == {"fluent/judge/woman", "fluent/judge/man"}
    assert rows.groupby("drawing_id").size().tolist() == [4, 4]


def test_two_designs_of_one_family_are_two_drawings() -> None:
    rows = add_drawing_ids(_rows(("noto", "noto"), ("noto-v1", "noto")), _never)
    assert rows["drawing_id"].nunique() == 4


def test_identical_art_is_one_drawing_for_every_tone() -> None:
    rows = _rows(("noto", "noto"))
    # Rows 0 to 3: woman light, woman dark, man light, man dark; only the light pair is said to be alike.
    found = add_drawing_ids(rows, lambda first, second: {first, second} == {0, 2})
    assert set(found["drawing_id"]) == {"noto/judge/man"}


def test_held_out_combinations_are_balanced() -> None:
    cells = held_out_combinations()
    # 16 occupations x 3 genders = 48, less 12 skipped ones; 36 over 5 tones is 7 or 8 each.
    assert len(cells) == 36
    assert Counter(gender for _, _, gender in cells) == {"woman": 12, "man": 12, "person": 12}
    assert sorted(Counter(tone for _, tone, _ in cells).values()) == [7, 7, 7, 7, 8]
    assert set(Counter(job for job, _, _ in cells).values()) == {2, 3}
    assert len(Counter(job for job, _, _ in cells)) == 16


def test_art_shared_with_a_held_out_combination_leaves_training() -> None:
    job, tone, gender = sorted(held_out_combinations())[0]
    other = next(g for g in ("woman", "man") if g != gender and (job, tone, g) not in held_out_combinations())
    rows = pd.DataFrame({"gender": [gender, other], "drawing_id": ["twemoji/a/man"] * 2})
    rows = rows.assign(design_family="twemoji", occupation=job, skin_tone=tone)
    assert list(add_splits(rows)["split"]) == ["held_out_combination", "validation"]


def test_splits_depend_on_the_row_alone() -> None:
    rows = add_drawing_ids(_rows(("noto", "noto"), ("twemoji", "twemoji")), _never)
    backwards = add_splits(rows.iloc[::-1])["split"].iloc[::-1]
    assert list(add_splits(rows)["split"]) == list(backwards)


def test_no_drawing_of_a_held_out_family_is_in_another_split(shipped: pd.DataFrame) -> None:
    held = shipped["split"] == "held_out_family"
    assert set(shipped.loc[held, "design_family"]) == set(HELD_OUT_FAMILIES)
    assert not shipped.loc[~held, "design_family"].isin(HELD_OUT_FAMILIES).any()
    assert not set(shipped.loc[held, "drawing_id"]) & set(shipped.loc[~held, "drawing_id"])


def test_a_held_out_combination_is_in_training_for_no_vendor(shipped: pd.DataFrame) -> None:
    seen = shipped[shipped["split"].isin(["train", "validation"])]
    assert not set(seen[CELL].itertuples(index=False, name=None)) & held_out_combinations()
    held = shipped[shipped["split"] == "held_out_combination"]
    assert set(held[CELL].itertuples(index=False, name=None)) == held_out_combinations()


def test_the_art_of_a_held_out_combination_is_not_in_training(shipped: pd.DataFrame) -> None:
    colouring = shipped["drawing_id"] + "/" + shipped["skin_tone"]
    held = set(colouring[shipped["split"] == "held_out_combination"])
    assert not held & set(colouring[shipped["split"] == "train"])


def test_validation_and_training_share_no_colouring(shipped: pd.DataFrame) -> None:
    colouring = shipped["drawing_id"] + "/" + shipped["skin_tone"]
    assert not set(colouring[shipped["split"] == "validation"]) & set(colouring[shipped["split"] == "train"])


def test_enough_visible_labels_in_the_held_out_combinations(shipped: pd.DataFrame) -> None:
    held = shipped[shipped["split"] == "held_out_combination"]
    assert (held["visible_gender"] & held["gender"].isin(["woman", "man"])).sum() >= 80
    assert held["visible_skin_tone"].sum() >= 120
