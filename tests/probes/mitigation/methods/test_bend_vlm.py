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


def naive_bend(data: FitData, text: str, vector: np.ndarray, *, nearest: int) -> np.ndarray:
    """Both steps as the paper has them: a pseudo-inverse around this text, then an optimiser."""
    words = [own[0] for own in data.words.values()]
    local = data.encode([text.replace("a photo of a ", f"a photo of a {word} ") for word in words])
    v = local.astype(float) - local.mean(axis=0)
    vector = (np.eye(len(vector)) - v.T @ np.linalg.pinv(v @ v.T, rcond=1e-9) @ v) @ vector
    vector /= np.linalg.norm(vector)
    means = []
    for group in (0, 1):
        own = sorted(data.images[data.codes == group], key=lambda image: -(image @ vector))
        means.append(np.mean(own[:nearest], axis=0))
    constraints = [{"type": "eq", "fun": lambda e: e @ e - 1},
                   {"type": "eq", "fun": lambda e: (means[1] - means[0]) @ e}]  # fmt: skip
    return scipy.optimize.minimize(lambda e: -(e @ vector), vector, constraints=constraints, method="SLSQP").x


def test_both_steps_are_those_of_the_paper(data: FitData) -> None:
    bent = BendVLM(nearest=20).fit(data).texts(data.texts, data.text_vectors, data.encode)
    for place, text in enumerate(data.texts):
        wanted = naive_bend(data, text, np.asarray(data.text_vectors[place]), nearest=20)
        np.testing.assert_allclose(bent[place], wanted, atol=1e-4)


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
