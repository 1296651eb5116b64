from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit.comparison import gap_changes
from audit.comparison.gap_changes import GAP_CHANGE_COLUMNS, gap_change_table
from audit.comparison.matched_images import Matched
from audit.statistics.proportion.paired import newcombe_paired
from audit.tables.groups.group_counts import JOINT, SPECIFICATION
from audit.tables.groups.reference_groups import THE_OVERALL, THE_REST
from tests.audit.support.naive_counts import manifest_of
from tests.audit.support.outcome_rows import probe_of

WAYS = [["default", "plain", "argmax", None], ["with_child", "plain", "argmax", None]]
MANIFEST = manifest_of(probe_of(WAYS, by=["tone"]))


def matched(
    first: Any, second: Any, tones: Sequence[str], *, cluster: Any = None, counted: Any = None
) -> Matched:
    """Images of one attribute under as many specifications as `first` [N, W] has columns."""
    one, other = (np.asarray(side, dtype=bool) for side in (first, second))
    known = np.ones_like(one) if counted is None else np.asarray(counted, dtype=bool)
    names = np.arange(len(one)) if cluster is None else cluster
    labels = pd.DataFrame({"image": np.arange(len(one)).astype(str), "cluster": names, "tone": list(tones)})
    ways = [(f"design {place}", "plain", "argmax", np.nan) for place in range(one.shape[1])]
    columns = pd.DataFrame([("work", *way, "harm") for way in ways], columns=list(SPECIFICATION))
    return Matched(
        labels=labels, columns=columns, first=one & known, second=other & known, counted=known
    )  # fmt: skip


def gaps_of(images: Matched, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """The rows of a gap table that say which group is compared with which."""
    rows = [images.columns.assign(by="tone", group=one, reference=other) for one, other in pairs]
    return pd.concat(rows, ignore_index=True)


def changes_of(images: Matched, *pairs: tuple[str, str], **manifest: Any) -> pd.DataFrame:
    return gap_change_table([images], gaps_of(images, pairs), MANIFEST | manifest)


def drawn(
    n: int, *, seed: int, churn: dict[str, tuple[float, float]], ways: int = 1, photos: int = 1
) -> tuple[Matched, np.ndarray]:
    """Groups of which a share newly fails, and a share no longer does; photos of one person alike."""
    rng = np.random.default_rng(seed)
    tones = rng.choice(list(churn), n)
    person = rng.random((n, 1)) + 1e-9 * rng.random((n, ways))
    fell = np.array([churn[tone][0] for tone in tones])[:, None]
    rose = np.array([churn[tone][1] for tone in tones])[:, None]
    second = person < rose
    first = (person >= rose) & (person < rose + fell)
    repeated = [np.repeat(a, photos, axis=0) for a in (first, second, tones, np.arange(n))]
    return matched(*repeated[:2], repeated[2].tolist(), cluster=repeated[3]), repeated[2]


def test_by_hand() -> None:
    # Dark: 1 of 4 failed, now 3 of 4: two newly fail, one fails in both. Light: 2 of 4, now 1 of 4.
    first = [[1], [0], [0], [0], [1], [1], [0], [0]]
    second = [[1], [1], [1], [0], [1], [0], [0], [0]]
    row = changes_of(matched(first, second, ["dark"] * 4 + ["light"] * 4), ("dark", "light")).iloc[0]
    assert row[["n_group", "n_reference"]].tolist() == [4, 4]
    assert row["gap_first"] == pytest.approx(1 / 4 - 2 / 4)
    assert row["gap_second"] == pytest.approx(3 / 4 - 1 / 4)
    assert row["change"] == pytest.approx(2 / 4 - (-1 / 4)) == row["gap_second"] - row["gap_first"]
    dark, light = newcombe_paired(1, 0, 2, 1), newcombe_paired(1, 1, 0, 2)
    assert row["low"] == pytest.approx(0.75 - np.hypot(0.5 + dark[1], -light[0] + 0.25))
    assert row["high"] == pytest.approx(0.75 + np.hypot(-dark[0] - 0.5, -0.25 + light[1]))
    assert row["p"] == row["p_adjusted"]


def naive_t(change: np.ndarray, group: np.ndarray, reference: np.ndarray, pooled: float) -> float:
    """Welch's t, the variance of a side at least the pooled one."""
    sides = [change[group], change[reference]]
    errors = [max(((own - own.mean()) ** 2).mean(), pooled) / len(own) for own in sides]
    return float((sides[0].mean() - sides[1].mean()) / np.sqrt(sum(errors)))


def test_against_a_naive_permutation_of_the_labels() -> None:
    churn = {"dark": (0.05, 0.2), "medium": (0.1, 0.1), "light": (0.1, 0.06)}
    images, tones = drawn(120, seed=3, churn=churn)
    pairs = [("dark", "light"), ("medium", THE_REST)]
    table = changes_of(images, *pairs).set_index("group")
    change = images.change[:, 0]
    rng = np.random.default_rng(4)
    for group, reference in pairs:
        sides = [tones == group, tones != group if reference == THE_REST else tones == reference]
        rates = [[side[own, 0].mean() for own in sides] for side in (images.first, images.second)]
        row = table.loc[group]
        assert row["gap_first"] == pytest.approx(rates[0][0] - rates[0][1])
        assert row["gap_second"] == pytest.approx(rates[1][0] - rates[1][1])
        observed = abs(naive_t(change, *sides, pooled=change.var()))
        permuted = [
            abs(naive_t(change[shuffled], *sides, pooled=change.var()))
            for shuffled in (rng.permutation(len(change)) for _ in range(999))
        ]
        expected = (1 + sum(value >= observed - 1e-9 for value in permuted)) / 1000
        assert row["p"] == pytest.approx(expected, abs=0.045)


def test_all_images_as_reference_scale_the_contrast_with_the_rest() -> None:
    images, tones = drawn(200, seed=5, churn={"dark": (0.1, 0.3), "light": (0.1, 0.1), "medium": (0.1, 0.1)})
    rest, overall = (changes_of(images, ("dark", name)).iloc[0] for name in (THE_REST, THE_OVERALL))
    share = 1 - (tones == "dark").mean()
    own = images.change[tones == "dark", 0].mean()
    assert overall["change"] == pytest.approx(own - images.change[:, 0].mean())
    for name in ("gap_first", "gap_second", "change", "low", "high"):
        assert overall[name] == pytest.approx(share * rest[name])
    assert overall["n_reference"] == 200
    assert overall["p"] == rest["p"]


def test_images_that_were_not_counted_or_have_no_group_take_no_part() -> None:
    images, tones = drawn(90, seed=6, churn={"dark": (0.1, 0.3), "light": (0.2, 0.2)}, ways=2)
    counted = np.ones((90, 2), dtype=bool)
    counted[::4, 1] = False
    tones[5:9] = "(missing)"
    with_holes = matched(images.first, images.second, tones.tolist(), counted=counted)
    table = changes_of(with_holes, ("dark", "light")).set_index("design")
    for place in range(2):
        kept = counted[:, place] & (tones != "(missing)")
        alone = matched(
            images.first[kept, place, None], images.second[kept, place, None], tones[kept].tolist()
        )
        expected = changes_of(alone, ("dark", "light")).iloc[0]
        row = table.loc[f"design {place}"]
        for name in ("n_group", "n_reference", "gap_first", "gap_second", "change", "low", "high"):
            assert row[name] == pytest.approx(expected[name])
        assert row["p"] == pytest.approx(expected["p"], abs=0.05)


def test_a_small_side_has_no_change_and_a_reason() -> None:
    images = matched(np.zeros((7, 1)), np.ones((7, 1)), ["dark"] * 5 + ["light"] * 2)
    table = changes_of(images, ("dark", "light"), ("light", "dark"), ("grey", "dark")).set_index("group")
    assert table["change"].isna().all()
    assert table["note"].tolist() == [
        "fewer than 3 images in the reference", "fewer than 3 images", "fewer than 3 images"
    ]  # fmt: skip
    assert list(gap_change_table([], gaps_of(images, [("dark", "light")]), MANIFEST)) == list(
        GAP_CHANGE_COLUMNS
    )


def test_where_nothing_changes_p_is_one_and_the_interval_has_a_width() -> None:
    same = np.arange(40)[:, None] % 3 == 0
    row = changes_of(matched(same, same, ["dark", "light"] * 20), ("dark", "light")).iloc[0]
    assert (row["change"], row["p"], row["p_adjusted"]) == (0, 1, 1)
    assert row["low"] < -0.01 < 0.01 < row["high"]


def test_groups_are_adjusted_together_over_all_specifications() -> None:
    images, _ = drawn(300, seed=8, churn={"dark": (0.05, 0.3), "light": (0.1, 0.1)}, ways=2)
    table = changes_of(images, ("dark", "light"), ("light", "dark"))
    assert table["p"].max() < 0.01
    # Both ways hold the same answers and both rows the same contrast: one test, which costs nothing.
    assert table["p_adjusted"].tolist() == table["p"].tolist()


@pytest.mark.parametrize("photos", [1, 4])
def test_unchanged_gaps_raise_a_false_alarm_in_one_of_twenty(
    monkeypatch: pytest.MonkeyPatch, photos: int
) -> None:
    monkeypatch.setattr(gap_changes, "DRAWS", 99)
    # Everybody's rate rises by 10 points, in the small dark group amid three times as much coming and going.
    churn = {"dark": (0.15, 0.25), "light": (0.0, 0.1), "medium": (0.02, 0.12), "pale": (0.02, 0.12)}
    alarms = covered = 0
    for seed in range(150):
        images, _ = drawn(160, seed=seed, churn=churn, photos=photos)
        table = changes_of(images, *[(tone, THE_REST) for tone in churn], seed=seed)
        alarms += (table["p_adjusted"] <= 0.05).any()
        covered += ((table["low"] <= 0) & (table["high"] >= 0)).mean()
    assert alarms <= 17  # 99.9 % of the binomial distribution of 150 audits at 5 %
    assert 0.925 <= covered / 150 <= 0.985


def test_photos_of_one_person_count_by_person() -> None:
    alone, together = (
        changes_of(drawn(160, seed=9, churn={"dark": (0.05, 0.15), "light": (0.1, 0.1)}, photos=k)[0],
                   ("dark", "light")).iloc[0]
        for k in (1, 4)
    )  # fmt: skip
    assert together["change"] == pytest.approx(alone["change"])
    # Four photos that all answer alike are one, and a little more for the luck of few clusters.
    assert together["design_effect"] == pytest.approx(4, rel=0.05)
    assert together["low"] == pytest.approx(alone["low"], abs=0.01)
    assert together["p"] == pytest.approx(alone["p"], abs=0.05)


def test_names_of_crossed_groups_are_joined() -> None:
    images, _ = drawn(60, seed=1, churn={"dark": (0.1, 0.1), "light": (0.1, 0.1)})
    labels = images.labels.assign(gender=["woman", "man", "(missing)"] * 20)
    crossed = Matched(**{**vars(images), "labels": labels})
    code, names = crossed.groups(["tone", "gender"])
    assert set(names) == {
        f"{tone}{JOINT}{gender}" for tone in ("dark", "light") for gender in ("woman", "man")
    }
    assert (code[2::3] == -1).all()


def test_few_clusters_hold_the_level_and_fewer_say_nothing() -> None:
    """Six persons against 40, five photos each, changes that go with the person; 200 samples, no change."""
    alarms, covered = 0, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        person = np.repeat(np.arange(46), 5)
        level = (rng.random(46) < 0.3)[person]
        first = level ^ (rng.random(230) < 0.2)
        second = (rng.random(46) < 0.3)[person] ^ (rng.random(230) < 0.2)
        tones = np.where(person < 6, "dark", "light").tolist()
        images = matched(first[:, None], second[:, None], tones, cluster=person)
        row = changes_of(images, ("dark", "light")).iloc[0]
        alarms += row["p"] <= 0.05
        covered += row["low"] <= 0 <= row["high"]
    assert alarms <= 19  # three standard errors above 5 % of 200
    assert covered >= 181
    tones = np.where(person < 4, "dark", "light").tolist()
    four = matched(first[:, None], second[:, None], tones, cluster=person)
    row = changes_of(four, ("dark", "light")).iloc[0]
    assert row[["low", "high", "p", "p_adjusted"]].isna().all() and "fewer than 5 clusters" in row["note"]
    assert np.isfinite(row["change"])
