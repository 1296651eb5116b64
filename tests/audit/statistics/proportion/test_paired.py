from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from audit.statistics.proportion.intervals import newcombe
from audit.statistics.proportion.paired import mcnemar_p, newcombe_paired

CHANGES = [(0, 0), (1, 0), (5, 5), (3, 9), (12, 2), (40, 71)]


@pytest.mark.parametrize(("first", "second"), CHANGES)
def test_mcnemar_equals_statsmodels(first: int, second: int) -> None:
    theirs = mcnemar([[7, first], [second, 4]], exact=True).pvalue if first + second else 1.0
    assert float(mcnemar_p(first, second)) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(("first", "second"), CHANGES)
def test_mid_p_takes_half_of_the_observed_table(first: int, second: int) -> None:
    # Of all tables no likelier than the observed one, those exactly as likely count by half.
    changed = first + second
    mass = stats.binom.pmf(np.arange(changed + 1), changed, 0.5)
    own = mass[first]
    as_likely = np.isclose(mass, own)
    expected = mass[(mass < own) & ~as_likely].sum() + mass[as_likely].sum() / 2
    assert float(mcnemar_p(first, second, method="mid-p")) == pytest.approx(expected, abs=1e-12)


def test_the_paired_interval_by_hand() -> None:
    # 36 both, 12 only the first, 2 only the second, 0 neither. Rates .96 and .76; Wilson .8654 to .9890 and
    # .6259 to .8570. ad - bc = -24, so the correlation is -24 / sqrt(48 2 38 12) = -.11600, and
    # .2 - sqrt(.0946^2 + 2 .116 .0946 .0970 + .0970^2) = .0569; above likewise .3404.
    low, high = newcombe_paired(36, 12, 2, 0)
    assert (round(float(low), 4), round(float(high), 4)) == (0.0569, 0.3404)


def test_without_correlation_it_is_the_interval_of_independent_groups() -> None:
    # ad - bc = 0.
    assert newcombe_paired(8, 4, 12, 6) == pytest.approx(newcombe(12, 30, 20, 30), abs=1e-12)


def test_agreement_makes_it_shorter_and_never_of_width_zero() -> None:
    paired, independent = newcombe_paired(40, 6, 2, 52), newcombe(46, 100, 42, 100)
    assert paired[1] - paired[0] < 0.6 * (independent[1] - independent[0])
    low, high = newcombe_paired([10, 0, 3], 0, 0, [0, 10, 7])
    assert ((low < 0) & (high > 0)).all()
    assert np.isnan(newcombe_paired(0, 0, 0, 0)).all()


def test_its_coverage_in_simulation() -> None:
    rng = np.random.default_rng(5)
    for n in (20, 50, 400):
        for shares in ([0.1, 0.15, 0.05, 0.7], [0.5, 0.02, 0.02, 0.46], [0.02, 0.1, 0.01, 0.87]):
            tables = rng.multinomial(n, shares, size=4000).T
            low, high = newcombe_paired(*tables)
            truth = shares[1] - shares[2]
            assert np.mean((low <= truth) & (truth <= high)) > 0.93
