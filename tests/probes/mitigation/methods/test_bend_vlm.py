"""BendVLM's second step against a numerical optimiser; the words are inserted before the noun."""

from __future__ import annotations

import numpy as np
import scipy.optimize

from probes.mitigation.fitting import FitData
from probes.mitigation.methods.bend_vlm import BendVLM
from probes.mitigation.transform import equalised, unit


def test_the_closed_form_is_what_an_optimiser_finds() -> None:
    rng = np.random.default_rng(2)
    text, means = unit(rng.standard_normal(6)), rng.standard_normal((3, 6))
    constraints = [
        {"type": "eq", "fun": lambda e: e @ e - 1},
        {"type": "eq", "fun": lambda e: (means[1:] - means[0]) @ e},
    ]
    found = scipy.optimize.minimize(lambda e: -(e @ text), text, constraints=constraints, method="SLSQP")
    np.testing.assert_allclose(equalised(text, means), found.x, atol=1e-5)


def test_nearest_images_of_both_groups_are_equally_similar_afterwards(data: FitData) -> None:
    fitted = BendVLM(nearest=20).fit(data)
    assert fitted.local is not None
    bent = fitted.texts(data.texts, data.text_vectors, data.encode)[0].astype(float)
    raw = np.asarray(data.text_vectors[0])
    assert abs(np.linalg.norm(bent) - 1) < 1e-6
    gaps = []
    for text in (raw, bent):
        top = [
            data.images[data.codes == g][np.argsort(-(data.images[data.codes == g] @ text))[:20]].mean(0)
            for g in (0, 1)
        ]
        gaps.append(abs((top[0] - top[1]) @ text))
    assert gaps[1] < gaps[0]
