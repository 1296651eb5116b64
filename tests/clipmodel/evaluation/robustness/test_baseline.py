"""The line of standard models gives the effective robustness of CLIP that is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from clipmodel.evaluation.robustness.baseline import SHIFTS, baseline

# Accuracies of the testbed's zero-shot CLIPs in percent: without shift (on the classes that predict) and
# under shift; effective robustness in points.
CLIP = {
    "ViT-B/32": {
        "imagenetv2": (63.302, 56.21, 5.82),
        "imagenet_sketch": (63.302, 42.3726, 28.02),
        "imagenet-r": (88.10, 69.2567, 38.95),
        "objectnet": (70.928, 43.9613, 18.10),
    },
    "RN50": {
        "imagenetv2": (59.808, 52.59, 5.56),
        "imagenet_sketch": (59.808, 35.377, 22.86),
        "imagenet-r": (85.76, 60.46, 32.86),
        "objectnet": (66.848, 40.283, 17.85),
    },
}


@pytest.mark.parametrize("model", CLIP)
@pytest.mark.parametrize("shift", ["imagenetv2", "imagenet_sketch", "imagenet-r", "objectnet"])
def test_effective_robustness_of_clip(model: str, shift: str) -> None:
    accuracy, shifted, expected = CLIP[model][shift]
    effective = shifted - 100 * float(baseline(shift).predict(accuracy / 100))
    assert effective == pytest.approx(expected, abs=0.01)


def test_a_line_is_least_squares_on_logits() -> None:
    line = baseline("imagenetv2")
    piece, x, y = line.pieces[0], logit(line.models[:, 0]), logit(line.models[:, 1])
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    assert piece.slope == pytest.approx(slope) and len(line.models) == piece.n == 85
    assert line.r2 == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    assert line.predict(0.7) == pytest.approx(expit(piece.intercept + slope * logit(0.7)))
    assert line.in_range(0.7) and not line.in_range(0.9)


def test_the_line_of_imagenet_a_bends_at_resnet_50() -> None:
    line = baseline("imagenet-a")
    assert len(line.pieces) == 2 and line.pieces[1].slope > 3 * line.pieces[0].slope
    assert 0.917 < line.pieces[0].high < line.pieces[1].low < 0.92


def test_variants_and_what_is_unknown() -> None:
    assert baseline("imagenet-r", "imagenet1k").id_set == "imagenet1k" != SHIFTS["imagenet-r"]
    assert np.isnan(baseline("imagenetv2").predict(np.nan))
    with pytest.raises(ValueError, match="no accuracies on 'cifar10'"):
        baseline("cifar10")
