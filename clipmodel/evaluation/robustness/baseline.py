"""The line of standard models (Taori et al. 2020, arXiv 2007.00644), refitted from the published testbed.

The logits of the accuracy under shift are regressed by least squares on the logits of the accuracy without
it, over models trained on ImageNet alone. Effective robustness is what a model has above the line.

Models typed STANDARD in the testbed count, except its two re-trainings of ResNet-50 (85 of 87 models).
ImageNet-A was chosen to defeat ResNet-50, so its line bends there: it is fitted in two pieces, below and
above that model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from clipmodel.array_types import Floats
from clipmodel.evaluation.registry.catalogue import DATA
from clipmodel.yaml_models import StrictModel, read_yaml_model

RETRAINED: Final = ("resnet50_aws_baseline", "resnet50_imagenet_100percent_batch64_original_images")
BEND_AT: Final = "resnet50"
# The set under shift -> the set whose accuracy predicts it: the same classes where they are fewer.
SHIFTS: Final = {
    "imagenetv2": "imagenet1k",
    "imagenet_sketch": "imagenet1k",
    "imagenet-r": "imagenet1k-r",
    "objectnet": "imagenet1k-objectnet",
    "imagenet-a": "imagenet1k-a",
}


class _Models(StrictModel):
    source: str
    models: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """logit(shifted accuracy) = intercept + slope * logit(accuracy), for `low` <= accuracy <= `high`."""

    slope: float
    intercept: float
    n: int
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Line:
    """The prediction of standard models for one shift.

    Attributes
    ----------
    shift, id_set
        Registry names.
    pieces
        One line, or two that meet at `BEND_AT`.
    r2
        Share of the variance of the logits that is explained.
    residual_sd
        Of the logits about the line.
    models
        Standard models, as [M, 2] accuracies without and under shift.
    """

    shift: str
    id_set: str
    pieces: tuple[Piece, ...]
    r2: float
    residual_sd: float
    models: Floats

    def predict(self, accuracy: ArrayLike) -> Floats:
        """Accuracy under shift of a standard model with this accuracy, both as fractions; NaN for NaN."""
        value = np.asarray(accuracy, dtype=float)
        predicted = np.full(value.shape, np.nan)
        for number, piece in enumerate(self.pieces):
            inside = np.ones(value.shape, dtype=bool) if number == 0 else value > self.pieces[number - 1].high
            # Fitted on logits and mapped back, as Taori et al. 2020 do: accuracies near 0 and 1 are
            # stretched.
            line = expit(piece.intercept + piece.slope * logit(value))
            predicted = np.where(inside, line, predicted)
        return predicted

    def in_range(self, accuracy: float) -> bool:
        """Whether any standard model is as accurate: beyond them the line is extrapolated."""
        return bool(self.models[:, 0].min() <= accuracy <= self.models[:, 0].max())


@cache
def baseline(shift: str, id_set: str | None = None) -> Line:
    """The line of one of `SHIFTS`; another id_set gives a variant, such as plain ImageNet for ImageNet-R.

    Raises
    ------
    ValueError
        The testbed has no such accuracies.
    """
    chosen = id_set or SHIFTS.get(shift, "imagenet1k")
    table = _table()
    rows = [
        (row["model"], row[chosen], row[shift])
        for row in table.models
        if row["model"] not in RETRAINED and chosen in row and shift in row
    ]
    breaks = [own for name, own, _ in rows if name == BEND_AT] if shift == "imagenet-a" else []
    rows = [row for row in rows if row[2] > 0]  # ResNet-50 itself has no image of ImageNet-A right: no logit
    if len(rows) < 3:
        raise ValueError(f"the testbed has no accuracies on {shift!r} beside {chosen!r}")
    accuracies = np.array([(own, other) for _, own, other in rows])
    parts = [accuracies]
    if breaks:
        below = accuracies[:, 0] <= breaks[0]
        parts = [accuracies[below], accuracies[~below]]
    pieces = tuple(_fit(part) for part in parts)
    # Residuals need the pieces' predictions, so the line is made twice.
    line = Line(shift=shift, id_set=chosen, pieces=pieces, r2=1.0, residual_sd=0.0, models=accuracies)
    observed = logit(accuracies[:, 1])
    residual = observed - logit(line.predict(accuracies[:, 0]))
    r2 = 1 - (residual**2).sum() / ((observed - observed.mean()) ** 2).sum()
    # Two degrees of freedom: a slope and an intercept.
    return Line(**{**line.__dict__, "r2": float(r2), "residual_sd": float(residual.std(ddof=2))})


def _fit(accuracies: Floats) -> Piece:
    slope, intercept = np.polyfit(logit(accuracies[:, 0]), logit(accuracies[:, 1]), 1)
    return Piece(
        slope=float(slope),
        intercept=float(intercept),
        n=len(accuracies),
        low=float(accuracies[:, 0].min()),
        high=float(accuracies[:, 0].max()),
    )


@cache
def _table() -> _Models:
    return read_yaml_model(DATA / "standard_models.yaml", _Models, what="table of standard models")


def source() -> str:
    """Where the standard models' accuracies come from."""
    return _table().source
