"""What each image of a probe counts for, if the suite names the population that its numbers speak for.

N images.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clipmodel.array_types import Floats
from clipmodel.errors import UserError
from clipmodel.yaml_models import closest
from probes.datasets.demographic_dataset import ID, DemographicDataset
from probes.suite.population import Population

# Raking converges geometrically where there is a solution; shares still off by then have none.
ROUNDS = 500
TOLERANCE = 1e-9
"""Of raking: the largest distance of a weighted share from the stated one."""


def population_weights(
    population: Population, dataset: DemographicDataset, rows: NDArray[np.int64], *, probe: str
) -> Floats:
    """[N] the weight of each image of a probe, 1 on average; all exactly 1 if they are equal.

    Parameters
    ----------
    rows
        [N] of the data set: the images of the probe that can be read.
    probe
        Its name, for messages.

    Raises
    ------
    UserError
        A weight is missing, no number, or not above 0; the data lack the column or attribute; a group has no
        share, or a share no image; or no weights give all the shares.
    """
    place = f"population, probe {probe!r}"
    if population.weights:
        weights = _column(population.weights, dataset, rows, place=place)
    else:
        targets = {
            name: _group_targets(name, shares, dataset, rows, place=place)
            for name, shares in population.shares.items()
        }
        weights = raked(list(targets.values()), place=place)
    # Exactly 1, so that an audit with equal weights gives the numbers of one without, to the last digit.
    equal = bool((weights == weights[0]).all())
    # Mean 1, so that weighted counts have the size of counts.
    return np.ones(len(weights)) if equal else weights / weights.mean()


def raked(targets: list[tuple[NDArray[np.intp], Floats]], *, place: str = "population") -> Floats:
    """[N] weights under which each attribute has its shares: iterative proportional fitting.

    With one attribute this is post-stratification, exact after one round; with several it is raking (Deming
    and Stephan 1940), whose weights are products of one factor an attribute.

    Parameters
    ----------
    targets
        For each attribute the group [N] of each image, and the shares of the groups.

    Raises
    ------
    UserError
        The rounds do not settle: the images leave some combination of groups empty that the shares need.

    Examples
    --------
    >>> raked([(np.array([0, 0, 0, 1]), np.array([0.5, 0.5]))])
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    """
    n = len(targets[0][0])
    weights = np.ones(n)
    for _ in range(ROUNDS):
        for group, share in targets:
            total = np.bincount(group, weights, minlength=len(share))
            weights = weights * (share * n / total)[group]
        # All attributes are checked after the last one was fitted: fitting one moves the shares of the
        # others.
        off = max(
            float(np.abs(np.bincount(group, weights, minlength=len(share)) / n - share).max())
            for group, share in targets
        )
        if off < TOLERANCE:
            return weights
    raise UserError(
        f"{place}: no weights give the images the shares of all attributes at once",
        remedy="images of some combination of groups are missing: state shares of fewer attributes",
    )


def _column(name: str, dataset: DemographicDataset, rows: NDArray[np.int64], *, place: str) -> Floats:
    if name not in dataset.frame:
        raise UserError(
            f"{place}: the data {dataset.card.name!r} have no column {name!r} of weights",
            remedy=closest(name, list(map(str, dataset.frame.columns))),
        )
    written = dataset.frame[name].iloc[rows]
    weights = pd.to_numeric(written, errors="coerce").to_numpy(dtype=float)
    for wrong, what in (
        (written.isna().to_numpy(), "no weight"),
        (~np.isfinite(weights), "is no number"),
        (weights < 0, "is negative"),
        (weights == 0, "is zero"),
    ):
        if wrong.any():
            row = int(wrong.argmax())
            image, value = dataset.frame[ID].iloc[rows[row]], written.iloc[row]
            told = "has no weight" if what == "no weight" else f"has the weight {value}, which {what}"
            raise UserError(
                f"{place}: the image {image!r} {told} ({name}); so {'does' if wrong.sum() == 1 else 'do'} "
                f"{int(wrong.sum()):,} of {len(rows):,} images",
                remedy="give every image a weight above 0, or leave images out with the probe's 'where'",
            )
    return weights


def _group_targets(
    name: str,
    shares: Mapping[str, float],
    dataset: DemographicDataset,
    rows: NDArray[np.int64],
    *,
    place: str,
) -> tuple[NDArray[np.intp], Floats]:
    """[N] the group of each image, and the shares of the groups."""
    if name not in dataset.attributes:
        raise UserError(
            f"{place}: the data {dataset.card.name!r} have no attribute {name!r}",
            remedy=closest(name, dataset.attributes),
        )
    values = dataset.values(name).iloc[rows].astype(object)
    if values.isna().any():
        raise UserError(
            f"{place}: {name} is missing or not visible in {int(values.isna().sum()):,} of {len(rows):,} "
            "images, so they have no share",
            remedy=f"leave them out with the probe's 'where', or state no shares of {name}",
        )
    present = set(values)
    if unstated := sorted(present - set(shares)):
        raise UserError(
            f"{place}: the images have {name} {unstated[0]!r}, to which no share is given",
            remedy=f"give shares to all of {', '.join(sorted(present))}, or leave its images out",
        )
    if empty := sorted(set(shares) - present):
        raise UserError(
            f"{place}: no image has {name} {empty[0]!r}, which has the share {shares[empty[0]]:g}",
            remedy=f"give shares to {', '.join(sorted(present))} alone, which sum to 1: images cannot speak "
            "for groups that they do not show",
        )
    groups = list(shares)
    whole = np.array([shares[group] for group in groups])
    # Shares written with a few digits sum to 1 only nearly; the last step makes it exact.
    return np.asarray(pd.Index(groups).get_indexer(pd.Index(values)), dtype=np.intp), whole / whole.sum()
