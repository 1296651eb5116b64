"""What bulk audits do not hold: permutation tests, mixed clusters, weighted paired changes, few clusters.

Each case is drawn from its own truth and goes through the functions of the tables it belongs to.

N images, K persons, R draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from audit.calibration.bulk_batch import at_place
from audit.calibration.scenarios import BY_NAME, THRESHOLDS, Drawn, audit_seed, drawn, images_of
from audit.calibration.whole_audits import SUMMARY_COLUMNS
from audit.comparison.compare import changes_of
from audit.comparison.gap_changes import gap_change_table
from audit.comparison.matched_images import Matched
from audit.conclusions.error_control import LEVEL
from audit.statistics.clusters.cluster_robust import (
    ClusterMoments,
    common_correlation,
    precision_of,
    side_correlation,
)
from audit.statistics.clusters.clustered_tests import difference_p
from audit.statistics.clusters.shared_permutations import SharedPermutations
from audit.statistics.multiplicity import holm
from audit.statistics.proportion.intervals import clopper_pearson
from audit.statistics.variation.specification_curve_test import DRAWS, Images, JointCounts
from audit.tables.gaps import difference_interval
from probes.records import KEYS
from probes.rules.rule_registry import PREDICTION

Found = tuple[str, str, bool]

CURVES: Final = ("independent", "persons", "strong", "unequal")
"""Scenarios whose specification curves are tested."""
MIXED: Final = "120 persons whose images are of three groups"
ALIKE: Final = "10 persons of 10 images six times as alike (.6) as 200 others (.1)"
SMALL_LEVELS: Final = (0.05, 0.0036, 0.0004)
"""Of one test, and of the first step of Holm among 14 and among 125."""
ALIKE_DRAWS: Final = 100
"""For each audit: tests at small levels need many."""
_PERSONS, _GROUPS, _RATE = 120, 3, 0.2


def hard_case_table(*, audits: int, seed: int = 0) -> pd.DataFrame:
    """Coverage of 95 % intervals, and sizes of tests, over `audits` draws of each case.

    Returns
    -------
    Columns `whole_audits.SUMMARY_COLUMNS`, where a scenario may be the words of a case; shares have their
    exact 95 % interval.
    """
    cases: tuple[Callable[[int], Iterator[Found]], ...] = (_curves, _mixed, _compared)
    found = pd.DataFrame(
        [one for number in range(audits) for case in cases for one in case(audit_seed(seed, number))],
        columns=["scenario", "figure", "happened"],
    )
    rows = [
        _row(str(key[0]), str(key[1]), int(part.sum()), len(part))
        for key, part in found.groupby(["scenario", "figure"], sort=False)["happened"]
    ]
    return pd.DataFrame([*rows, *_alike(ALIKE_DRAWS * audits, seed)], columns=list(SUMMARY_COLUMNS))


def _row(scenario: str, figure: str, count: int, n: int) -> tuple[Any, ...]:
    low, high = clopper_pearson(count, n)
    return scenario, figure, count / n, float(low), float(high), n


def _curves(seed: int) -> Iterator[Found]:
    """The curve test of the last group against g0 over two thresholds, truly without a gap."""
    for name in CURVES:
        scenario = BY_NAME[name]
        one = drawn(scenario, seed=seed)
        person = np.repeat(np.arange(len(one.group)), one.images)
        joint = joint_counts_of(one.scores[0] >= np.array(THRESHOLDS)[:, None], one.group[person], person)
        p = joint.curve_p(scenario.groups[-1], "g0", rng=np.random.default_rng(seed))
        yield name, "curve test: p below .05 without a gap", bool(p < LEVEL)


def joint_counts_of(happened: NDArray[np.bool_], group: NDArray[Any], person: NDArray[Any]) -> JointCounts:
    """Joint counts of events [S, N] under S specifications, of groups g0, g1, ... and persons [N]."""
    n = len(happened)
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    bit_string = (happened.T << np.arange(n)).sum(axis=1)
    groups = int(group.max()) + 1
    counts = np.zeros((groups, 2**n), dtype=np.int64)
    np.add.at(counts, (group, bit_string), 1)
    keys = {name: [str(number) for number in range(n)] for name in KEYS}
    images = Images(group=group, bit_string=bit_string, cluster=person)
    alone = bool(np.bincount(person).max() == 1)
    return JointCounts(
        specifications=pd.DataFrame(keys), bits=bits, counts=counts,
        names=[f"g{number}" for number in range(groups)], images=None if alone else images,
    )  # fmt: skip


def mixed_persons(seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Person [N], group [N] and two scores [2, N] of persons whose images are of several groups.

    Half of the persons have images of one group, the others of all three; scores of a person are correlated,
    and do not depend on the group.
    """
    rng = np.random.default_rng((seed, *b"mixed"))
    person = np.repeat(np.arange(_PERSONS), images_of("skewed", _PERSONS, rng))
    own = rng.integers(_GROUPS, size=_PERSONS)
    anywhere = rng.integers(_GROUPS, size=len(person))
    group = np.where((np.arange(_PERSONS) % 2 == 0)[person], own[person], anywhere)
    shared = rng.normal(size=(2, _PERSONS))[:, person]
    return person, group, np.sqrt(0.5) * (shared + rng.normal(size=(2, len(person))))


def _mixed(seed: int) -> Iterator[Found]:
    """Contrasts of g1 with g0, and curve tests of all groups against the rest from shared permutations."""
    person, group, scores = mixed_persons(seed)
    happened = scores > -special.ndtri(_RATE)
    counted = np.zeros((2, _PERSONS, _GROUPS))
    np.add.at(counted[0], (person, group), happened[0])
    np.add.at(counted[1], (person, group), 1)
    moments = ClusterMoments.of(counted[0], counted[1])
    precision, rate = precision_of(moments, common_correlation(moments)), moments.rate
    first, second = (at_place(precision, [place]) for place in (1, 0))
    sides = [counted[kind][:, [place]] for place in (1, 0) for kind in (0, 1)]
    correlation = side_correlation(*sides)
    low, high = difference_interval(rate[[1]], first, rate[[0]], second, correlation=correlation)
    p = difference_p(rate[[1]], first, rate[[0]], second, correlation=correlation)
    yield MIXED, "coverage: difference", bool(low[0] <= 0 <= high[0])
    yield MIXED, "difference: p below .05 without a gap", bool(p[0] < LEVEL)
    joint = joint_counts_of(happened, group, person)
    permutations = SharedPermutations(seed=seed, draws=DRAWS)
    found = np.array([
        joint.curve_p(name, "(rest)", rng=np.random.default_rng(seed), permutations=permutations)
        for name in joint.names
    ])  # fmt: skip
    one_group = "curve test of one group, shared permutations: p below .05 without a gap"
    yield MIXED, one_group, bool(found[0] < LEVEL)
    yield MIXED, "curve tests of all groups: some adjusted p below .05", bool((holm(found) < LEVEL).any())


def _compared(seed: int) -> Iterator[Found]:
    """The change from a first model to a second: of the rate of the last group, and of its gap to g0.

    The second model has the outcome at half the rate, in all groups alike; its scores share the disposition
    of the persons with those of the first.
    """
    for name in ("persons", "weighted"):
        scenario = BY_NAME[name]
        matched = matched_of(drawn(scenario, seed=seed), scenario.groups)
        last = scenario.groups[-1]
        probe = {"name": "probe 0", "groups": [["origin"]], "min_group": 5}
        rates = changes_of(matched, probe, least=5).set_index("group").loc[last]
        truth = scenario.rate(1, 0) - scenario.rate(0, 0)
        words = "weighted, " if matched.weight is not None else ""
        yield name, f"coverage: {words}change of a rate", bool(rates["low"] <= truth <= rates["high"])
        wanted = matched.columns.assign(by="origin", group=last, reference="g0")
        gap = gap_change_table([matched], wanted, {"probes": [probe], "seed": seed}).iloc[0]
        yield name, f"coverage: {words}change of a gap", bool(gap["low"] <= 0 <= gap["high"])
        yield name, f"{words}change of a gap: p below .05 without one", bool(gap["p"] < LEVEL)


def matched_of(one: Drawn, groups: list[str]) -> Matched:
    """Answers of two models to the same images: the scores of the first two probes at one half."""
    person = np.repeat(np.arange(len(one.group)), one.images)
    labels = pd.DataFrame(
        {
            "image": [f"{number}.png" for number in range(len(person))],
            "cluster": [f"p{number}" for number in person],
            "origin": np.array(groups)[one.group[person]],
        }
    )
    columns = pd.DataFrame(
        [("probe 0", "default", "as given", PREDICTION.name, np.nan, "harm")],
        columns=["probe", "design", "template", "rule", "threshold", "outcome"],
    )
    first, second = (one.scores[number][:, None] >= 0.5 for number in (0, 1))
    return Matched(
        labels=labels, columns=columns, first=first, second=second,
        counted=np.ones(first.shape, dtype=bool),
        weight=None if one.weights is None else one.image_weights,
    )  # fmt: skip


def _alike(draws: int, seed: int) -> Iterator[tuple[Any, ...]]:
    """A side of ten clusters against 200 whose images are far less alike, both of the same rate."""
    rng = np.random.default_rng((seed, *b"alike"))
    images, p = 10.0, []
    for part in np.array_split(np.arange(draws), max(draws // 1000, 1)):
        counts = np.zeros((len(part), 210, 2))
        n = np.zeros((210, 2))
        for side, persons, correlation in ((0, slice(0, 10), 0.6), (1, slice(10, 210), 0.1)):
            # A + B of the beta distribution under which images of a person have this correlation, 1 / (A +
            # B + 1).
            a = (1 - correlation) / correlation
            of_person = rng.beta(_RATE * a, (1 - _RATE) * a, (len(part), persons.stop - persons.start))
            counts[:, persons, side] = rng.binomial(int(images), of_person)
            n[persons, side] = images
        moments = ClusterMoments.of(counts, n)
        precision = precision_of(moments, common_correlation(moments))
        sides = [at_place(precision, (slice(None), side)) for side in (0, 1)]
        p.append(difference_p(moments.rate[:, 0], sides[0], moments.rate[:, 1], sides[1]))
    found = np.concatenate(p)
    for level in SMALL_LEVELS:
        words = f"difference: p below {level:g} without a gap".replace("0.", ".")
        yield _row(ALIKE, words, int((found < level).sum()), draws)
