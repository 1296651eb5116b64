"""Image selection (WinoGAViL): the overlap of what a model picks with what belongs to a cue.

Shapes: M candidates of a question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.evaluation.estimates import Estimate, bootstrapped
from clipmodel.evaluation.metrics.score_metrics import jaccard, picks

JACCARD: Final = "jaccard"
"""The mean of the questions of 10 to 12 candidates: what DataComp averages with its other sets."""
SIZES: Final = {JACCARD: (10, 12), "jaccard_score_5-6": (5, 6)}
ALL: Final = "avg_jaccard_score"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One question: [M] similarities of the candidates with the cue, and which of them are right."""

    scores: NDArray[np.floating]
    right: NDArray[np.bool_]

    @property
    def overlap(self) -> float:
        """Jaccard of the right candidates with as many of the highest similarity; of tied ones the first."""
        picked = picks(self.scores.astype(np.float64), int(self.right.sum()))
        return float(jaccard(picked, self.right))


def selection_metrics(choices: Sequence[Choice], cues: Sequence[str], *, seed: int) -> dict[str, Estimate]:
    """Mean Jaccard of the questions of 10 to 12 candidates, of 5 and 6, and of all.

    Intervals are percentiles of a bootstrap that draws whole cues. A metric without a question is NaN.

    Parameters
    ----------
    choices
        The questions.
    cues
        The cue of each.
    seed
        Of the bootstrap.
    """
    overlap = np.array([one.overlap for one in choices], dtype=np.float64)
    size = np.array([len(one.scores) for one in choices], dtype=np.int64)
    found = {}
    for name, (least, most) in {**SIZES, ALL: (0, np.iinfo(np.int64).max)}.items():
        # DataComp averages the questions of 10 to 12 candidates alone, so the sizes are kept apart.
        rows = np.flatnonzero((size >= least) & (size <= most))
        own = overlap[rows]
        found[name] = bootstrapped(
            # Whole cues are drawn: several questions of one cue are no independent answers.
            lambda drawn, own=own: float(own[drawn].mean()),  # type: ignore[misc]
            len(own), clusters=[cues[int(row)] for row in rows], seed=seed,
        )  # fmt: skip
    return found


def choice_table(choices: Sequence[Choice], cues: Sequence[str]) -> pd.DataFrame:
    """One row per question: what a paired comparison of two models needs."""
    return pd.DataFrame(
        {
            "id": [f"{number}: {cue}" for number, cue in enumerate(cues)],
            "overlap": [one.overlap for one in choices],
            "candidates": [len(one.scores) for one in choices],
            "cluster": list(cues),
        }
    )
