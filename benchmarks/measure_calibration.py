"""Size and coverage of the tests and intervals of measures, curves, paired specifications and releases.

    python -m benchmarks.measure_calibration [--samples 2000] [--only curve]

Every line is one scenario without a difference (size at 5 % and 1 %) or with a known truth (coverage of 95 %
intervals), with the Monte Carlo error of one standard deviation. Seeds are fixed. Minutes on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np

from audit.statistics.always_valid import error_of_look
from audit.statistics.bounded_means import bounded_mean
from audit.statistics.clusters.clustered_means import mean_difference
from audit.statistics.multiplicity import holm
from audit.statistics.proportion.intervals import clopper_pearson
from audit.statistics.proportion.marginal_homogeneity import equal_rates_p
from audit.statistics.standardised_differences import labeling_test, standardised_interval
from audit.statistics.variation.specification_curve_test import Images, curve_p

Rng = np.random.Generator
Events = tuple[np.ndarray, np.ndarray, np.ndarray]  # [N, S] events, [N] group 1 or reference 0, [N] cluster


def persons(
    rng: Rng, n: int, photos: int, specifications: int, *, icc: float, rate: float, same: float = 0.0
) -> np.ndarray:
    """Events of photos of persons, beta-binomial; a share of the images is classified alike throughout."""
    level = rng.beta(rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc, n).repeat(photos)
    draws = rng.random((len(level), specifications))
    alike = rng.random(len(level)) < same
    draws[alike] = draws[alike][:, :1]
    return (draws < level[:, None]).astype(int)


def unequal_sizes(rng: Rng) -> Events:
    events = [persons(rng, 20, 1, 8, icc=0.3, rate=0.3), persons(rng, 200, 20, 8, icc=0.3, rate=0.3)]
    clusters = np.concatenate([np.arange(20), 20 + np.arange(200).repeat(20)])
    return np.vstack(events), np.repeat([1, 0], [20, 4000]), clusters


def unequal_consistency(rng: Rng) -> Events:
    events = [
        persons(rng, 100, 1, 8, icc=0.001, rate=0.3, same=1.0), persons(rng, 1000, 1, 8, icc=0.001, rate=0.3),
    ]  # fmt: skip
    return np.vstack(events), np.repeat([1, 0], [100, 1000]), np.arange(1100)


def rare_events(rng: Rng) -> Events:
    return persons(rng, 1030, 1, 4, icc=0.3, rate=0.04), np.repeat([1, 0], [30, 1000]), np.arange(1030)


def drawings(rng: Rng) -> Events:
    events = persons(rng, 40, 5, 3, icc=0.3, rate=0.3)
    return events, np.tile([0, 0, 0, 0, 1], 40), np.arange(40).repeat(5)


def p_of_curve(made: Events, seed: int) -> float:
    events, group, cluster = made
    bits, bit_string = np.unique(events, axis=0, return_inverse=True)
    counts = [np.bincount(bit_string.ravel()[group == side], minlength=len(bits)) for side in (1, 0)]
    images = Images(group=group, bit_string=bit_string.ravel(), cluster=cluster)
    return curve_p(bits, *counts, rng=np.random.default_rng(seed), images=images, group_code=1)


def curves(samples: int) -> Iterator[str]:
    for make in (unequal_sizes, unequal_consistency, rare_events, drawings):
        p = [p_of_curve(make(np.random.default_rng([1, seed])), seed) for seed in range(samples)]
        yield size_line(f"specification curve, {make.__name__.replace('_', ' ')}", p)
    rng = np.random.default_rng(2)
    events = persons(rng, 600, 1, 8, icc=0.3, rate=0.2)
    group = np.arange(600) < 60
    events[group] |= (rng.random(60) < 0.35)[:, None]
    own = p_of_curve((events, group.astype(int), np.arange(600)), 0)
    least = holm(np.concatenate([[own], np.full(125, 0.5)]))[0]
    yield f"specification curve, gap of .28, family of 126: p {own:.1e}, adjusted {least:.1e}"


def associations(samples: int) -> Iterator[str]:
    for sizes, spread in (((20, 200), (3.0, 1.0)), ((200, 20), (3.0, 1.0)), ((50, 50), (3.0, 1.0))):
        labels, p = np.repeat([0, 1], sizes), []
        for seed in range(samples):
            rng = np.random.default_rng([3, seed])
            values = np.concatenate([s * rng.normal(size=n) for n, s in zip(sizes, spread, strict=True)])
            found = labeling_test(
                values[:, None], labels, 0, np.arange(sum(sizes)), permutations=499, seed=seed
            )
            p.append(float(found.p[0, 0]))
        yield size_line(f"C-ASC, SC-WEAT, WEAT: n {sizes}, sd {spread}", p)
    clusters = np.arange(90).repeat(4)
    inside, truth, hits = clusters < 30, 1 / np.sqrt(1 + 2 / 9), []
    for seed in range(samples):
        rng = np.random.default_rng([4, seed])
        values = np.sqrt(0.5) * (rng.normal(size=90)[clusters] + rng.normal(size=360)) + inside
        low, high = standardised_interval(values[:, None], inside, clusters)
        hits.append(bool(low[0] <= truth <= high[0]))
    yield coverage_line("standardised difference, 30 against 60 persons x 4", hits)


def flips(samples: int) -> Iterator[str]:
    for sets in (3, 5, 8, 15, 30, 50):
        for rate, icc in ((0.1, 0.5), (0.3, 0.2), (0.5, 0.9)):
            rng = np.random.default_rng([5, sets])
            level = rng.beta(rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc, (samples, sets))
            limits = [bounded_mean(values / 10) for values in rng.binomial(10, level)]
            hits = [low <= rate <= high for low, high in limits]
            yield coverage_line(f"flip rate {rate}, {sets} sets, ICC {icc}", hits)


def paired(samples: int) -> Iterator[str]:
    p = []
    for seed in range(samples):
        rng = np.random.default_rng([6, seed])
        first = rng.random(150) < 0.3
        alike = [np.where(rng.random(150) < 0.02, rng.random(150) < 0.3, first) for _ in range(3)]
        events = np.column_stack([*alike, rng.random(150) < 0.3]).astype(int)
        p.append(equal_rates_p(events, np.arange(150), seed=seed))
    yield size_line("equal rates of 4 specifications, unequally correlated, 150 images", p)


def gap_changes(samples: int) -> Iterator[str]:
    for few in (5, 6, 8):
        person = np.arange(40 + few).repeat(5)
        inside, hits = person < few, []
        for seed in range(samples):
            rng = np.random.default_rng([7, few, seed])
            sides = [(rng.random(40 + few) < 0.3)[person] ^ (rng.random(len(person)) < 0.2) for _ in range(2)]
            change = sides[1].astype(float) - sides[0]
            found = mean_difference(change[:, None], inside, person)
            low, high = found.interval()
            hits.append(bool(low[0] <= 0 <= high[0]))
        yield coverage_line(f"gap change, {few} against 40 persons x 5", hits)


def releases(samples: int) -> Iterator[str]:
    rng, ever = np.random.default_rng(8), {True: 0, False: 0}
    for _ in range(samples):
        level = rng.random(400)
        failed = {True: False, False: False}
        for look in range(1, 21):
            own = np.where(rng.random(400) < 0.5, level, rng.random(400))
            rose, fell = int((own < 0.06).sum()), int((own > 0.97).sum())
            for spent in failed:
                error = error_of_look(look) if spent else 0.05
                limits = [clopper_pearson(x, 400, confidence=1 - error / 2) for x in (rose, fell)]
                failed[spent] |= bool(limits[0][0] - limits[1][1] > 0.03)
        for spent in ever:
            ever[spent] += failed[spent]
    for spent, count in ever.items():
        how = "with shared error" if spent else "each at 5 %"
        yield f"releases, 20 looks at the margin, {how}: ever FAIL {count / samples:.3f}"


def size_line(name: str, p: list[float]) -> str:
    sizes = [float(np.mean(np.asarray(p) <= level)) for level in (0.05, 0.01)]
    return f"{name}: size {sizes[0]:.3f} at .05, {sizes[1]:.4f} at .01 (error {_error(sizes[0], len(p)):.3f})"


def coverage_line(name: str, hits: list[bool]) -> str:
    share = float(np.mean(hits))
    return f"{name}: coverage {share:.3f} (error {_error(share, len(hits)):.3f})"


def _error(share: float, samples: int) -> float:
    return float(np.sqrt(max(share * (1 - share), 1e-4) / samples))


STUDIES: dict[str, Callable[[int], Iterator[str]]] = {
    "curve": curves, "association": associations, "flip": flips, "paired": paired, "gap": gap_changes,
    "release": releases,
}  # fmt: skip


def main() -> None:
    """Print every scenario, or those of one study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--only", choices=list(STUDIES))
    options = parser.parse_args()
    for name, study in STUDIES.items():
        if options.only in (None, name):
            for line in study(options.samples):
                print(line, flush=True)


if __name__ == "__main__":
    main()
