from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from audit.tables.groups.group_counts import (
    GroupCounts,
    SharedCounts,
    correct_counts,
    joined_truths,
    outcome_counts,
    truths_of_class,
)
from audit.tables.groups.group_rows import GroupRows, in_suite_order
from probes.records import MISSING
from tests.audit.support.naive_counts import ATTRIBUTES, draw_images, naive_counts, probe_entry, with_holes

IMAGES = with_holes(draw_images(400, seed=1, extra={"dark": 0.2}))
HARMS = ["thief", "gorilla"]


def rows_of(groups: GroupCounts) -> pd.DataFrame:
    counts = {"n": groups.n.sum(axis=2), "count": groups.count.sum(axis=2)}
    return in_suite_order(
        [GroupRows(groups=groups, columns=counts)], ATTRIBUTES, dict.fromkeys(counts, "int64")
    )


def frame_of(outcome: str, by: tuple[str, ...], **probe: object) -> pd.DataFrame:
    parts = outcome_counts(naive_counts(IMAGES), probe_entry(**probe))
    table = rows_of(next(part for part in parts if part.by == by))
    return table[table["outcome"] == outcome].set_index(list(ATTRIBUTES))[["n", "count"]]


@pytest.mark.parametrize("by", [("skin_tone",), ("gender",), ("skin_tone", "gender")])
@pytest.mark.parametrize(("outcome", "members"), [("harm", HARMS), ("crime", ["thief"])])
def test_sets_are_counted_as_plain_masks_count_them(by, outcome: str, members: list[str]) -> None:
    for cell, row in frame_of(outcome, by).iterrows():
        inside = np.ones(len(IMAGES), dtype=bool)
        for name, value in zip(ATTRIBUTES, cell, strict=True):
            inside &= (IMAGES[name] == value).to_numpy() | (value == "(all)")
        assert row["n"] == inside.sum()
        assert row["count"] == (inside & IMAGES["prediction"].isin(members)).sum()


def test_overall_counts_keep_the_images_that_miss_an_attribute() -> None:
    overall = frame_of("harm", ()).loc[("(all)", "(all)")]
    assert overall["n"] == len(IMAGES)
    assert overall["count"] == IMAGES["prediction"].isin(HARMS).sum()
    by_tone = frame_of("harm", ("skin_tone",))
    assert MISSING not in by_tone.index.get_level_values("skin_tone")
    assert by_tone["n"].sum() == IMAGES["skin_tone"].notna().sum() < len(IMAGES)


def test_misclassified_leaves_out_images_without_a_truth() -> None:
    known = IMAGES[IMAGES["truth"] != MISSING]
    row = frame_of("misclassified", ()).iloc[0]
    assert (row["n"], row["count"]) == (len(known), (known["prediction"] != known["truth"]).sum())


def test_an_intersection_without_images_stays_with_n_0() -> None:
    crossed = frame_of("harm", ("skin_tone", "gender"))
    assert len(crossed) == 6
    assert tuple(crossed.loc[("medium", "man")]) == (0, 0)


def test_groups_keep_the_order_of_categories_or_of_appearance() -> None:
    counts = naive_counts(IMAGES)
    seen = list(dict.fromkeys(IMAGES["skin_tone"].dropna()))
    by_tone = {part.by: part for part in outcome_counts(counts, probe_entry())}["skin_tone",]
    assert by_tone.names == seen
    tones = ["dark", "unused", "medium", "light", MISSING]
    counts["skin_tone"] = pd.Categorical(counts["skin_tone"], categories=tones)
    by_tone = {part.by: part for part in outcome_counts(counts, probe_entry())}["skin_tone",]
    assert by_tone.names == ["dark", "medium", "light"]


def test_an_attribute_that_is_missing_everywhere_has_no_groups() -> None:
    counts = naive_counts(IMAGES.assign(gender=None))
    parts = {part.by: part for part in outcome_counts(counts, probe_entry())}
    assert parts["gender",].n.shape == (3, 0, 1)
    assert parts["skin_tone", "gender"].n.shape == (3, 0, 1)
    assert parts[()].n.sum(axis=(1, 2)).max() == len(IMAGES)


def probability_rows(events: dict[str, int]) -> pd.DataFrame:
    key = {"probe": "work", "design": "default", "template": "plain", "rule": "probability", "threshold": 0.2}
    cell = {"skin_tone": "light", "gender": "man", "truth": "judge", "event_kind": "set", "n": 10}
    return pd.DataFrame([key | cell | {"event": name, "count": count} for name, count in events.items()])


def test_sets_that_may_both_be_reached_are_joined_by_the_scoring_only() -> None:
    # Two images reach a crime, four a non-human class, five one of them: never 2 + 4.
    sets = {"harm: crime": 2, "harm: non-human": 4}
    joined = rows_of(next(outcome_counts(probability_rows(sets | {"harm": 5}), probe_entry())))
    assert joined.set_index("outcome")["count"].to_dict() == {"harm": 5, "crime": 2}
    alone = rows_of(next(outcome_counts(probability_rows(sets), probe_entry())))
    assert alone.set_index("outcome")["count"].to_dict() == {"crime": 2}


def test_a_class_is_right_for_the_truth_it_stands_for() -> None:
    classes = [{"name": "magistrate", "truth": "judge"}, {"name": "cook"}, {"name": "judge", "truth": None}]
    probe = probe_entry(classes=classes)
    assert truths_of_class(probe) == {"magistrate": ("judge",), "cook": ("cook",), "judge": ()}
    # The class named judge stands for no truth here, so those answers are wrong; magistrate replaces thief.
    counts = naive_counts(IMAGES).replace({"event": {"thief": "magistrate"}})
    right = next(correct_counts(counts, probe))
    known = IMAGES[IMAGES["truth"] != MISSING]
    answer = known["prediction"].replace({"judge": "nobody", "thief": "judge"})
    assert right.count.sum() == (answer == known["truth"]).sum() > 0


def test_right_answers_are_kept_by_truth() -> None:
    right = {part.by: part for part in correct_counts(naive_counts(IMAGES), probe_entry())}["gender",]
    known = IMAGES[IMAGES["truth"] != MISSING]
    for g, gender in enumerate(right.names):
        for t, truth in enumerate(right.truths):
            inside = known[(known["gender"] == gender) & (known["truth"] == truth)]
            assert right.n[0, g, t] == len(inside)
            assert right.count[0, g, t] == (inside["prediction"] == truth).sum()


def test_values_that_one_class_stands_for_are_one_truth_under_its_design() -> None:
    classes = [{"name": "judge", "truth": ["judge", "cook"]}, {"name": "cook", "truth": None}]
    designs = [{"name": "default", "classes": ["judge", "cook"]}, {"name": "other", "classes": ["cook"]}]
    probe = probe_entry(classes=classes, designs=designs)
    assert joined_truths(probe, "default") == dict.fromkeys(["judge", "cook"], "cook or judge")
    assert joined_truths(probe, "other") == {}
    right = next(correct_counts(naive_counts(IMAGES), probe))
    known = IMAGES[IMAGES["truth"] != MISSING]
    assert right.truths == ("cook or judge",)
    assert (right.n.sum(), right.count.sum()) == (len(known), (known["prediction"] == "judge").sum())


def test_shared_counts_are_split_once_for_each_set_of_groups() -> None:
    counts, probe = naive_counts(IMAGES), probe_entry()
    shared = SharedCounts(counts)
    first, again = (list(outcome_counts(shared, probe)) for _ in range(2))
    assert [id(part) for part in first] == [id(part) for part in again]
    for part, plain in zip(first, outcome_counts(counts, probe), strict=True):
        assert part.by == plain.by
        assert (part.n == plain.n).all() and (part.count == plain.count).all()
    alone = {**probe, "groups": [["gender"]]}
    assert [part.by for part in outcome_counts(shared, alone)] == [(), ("gender",)]
