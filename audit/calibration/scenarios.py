"""Populations of a known truth for whole audits: persons with several images, unequal groups, true gaps.

An image has a score for the harmful class of each probe, and the event is that the score reaches a threshold.
Scores come from a normal variable whose mean is set by the group and which the images of a person share in
part, so that the true rate at every threshold, every difference and every ratio are known exactly.

N images, P probes, G groups, T thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special

from clipmodel.array_types import Floats
from probes.rules.rule_registry import CURVE as CURVE_RULE
from probes.rules.rule_registry import PREDICTION

Sizes = Literal["one", "ten", "skewed"]

MOST_IMAGES: Final = 40
"""Images of a person at most, where persons have very different numbers of images."""
RATES: Final = (0.2, 0.1, 0.3, 0.5)
"""True rates of the event at the threshold of .5, in the probes in turn."""
THRESHOLDS: Final = (0.3, 0.5)
GATE_MARGIN: Final = 0.1
CURVE: Final = 21
TONES: Final = ("light", "dark")
SURVEY_WEIGHT: Final = "survey_weight"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One kind of audit.

    Attributes
    ----------
    name, title
        Key, and words for the page.
    persons
        [G] of each group; the first is the reference where `reference` is "g0".
    sizes
        Images of a person: one; ten; or 1 to 40, the mean about 7, skewed as in data from the web.
    correlation
        Of the answers to two images of a person, at the threshold of .5 and a rate of .2.
    probes
        P.
    gaps
        In so many probes the last group has a rate higher by `gap`.
    reference
        "g0" or "(rest)".
    confirm
        Share of the persons that are held out to confirm findings.
    second_attribute
        Whether groups are also compared by an attribute that is associated with the first one.
    selection
        How far persons with higher scores are over-represented among the images, by which survey weights
        correct; 0 for images that are the population, and no weights.
    unequal
        Correlation of the last group's answers instead of `correlation`; None if it is that of all.
    """

    name: str
    title: str
    persons: tuple[int, ...]
    sizes: Sizes = "skewed"
    correlation: float = 0.4
    probes: int = 3
    gaps: int = 0
    gap: float = 0.25
    reference: str = "(rest)"
    confirm: float = 0.0
    second_attribute: bool = False
    selection: float = 0.0
    unequal: float | None = None

    @property
    def groups(self) -> list[str]:
        """G names."""
        return [f"g{number}" for number in range(len(self.persons))]

    def rate(self, probe: int, group: int) -> float:
        """True rate at the threshold of .5."""
        raised = probe < self.gaps and group == len(self.persons) - 1
        return RATES[probe % len(RATES)] + (self.gap if raised else 0.0)

    def rates(self, thresholds: Floats) -> Floats:
        """True rates [P, G, T]: the share of scores that reach each threshold."""
        base = np.array(
            [[self.rate(probe, group) for group in range(len(self.persons))] for probe in range(self.probes)]
        )
        return rate_at(base[..., None], thresholds)

    @property
    def largest_gap(self) -> float:
        """The widest true gap of a different group over the specifications; 0 where no group differs."""
        if not self.gaps:
            return 0.0
        base = np.array([[self.rate(p, 0), self.rate(p, 0) + self.gap] for p in range(self.gaps)])
        return float(np.abs(np.diff(rate_at(base[..., None], np.array(THRESHOLDS)), axis=1)).max())


def rate_at(base: Floats, thresholds: Floats) -> Floats:
    """Share of scores that reach a threshold, where `base` is the share that reaches one half."""
    return np.asarray(special.ndtr(special.ndtri(base) - special.ndtri(thresholds)))


GAP_AT_MARGIN: Final = 0.07908
"""A gap at the threshold of .5, where the rate is .2, that is `GATE_MARGIN` at the threshold of .3."""
_PERSONS: Final = (110, 80, 60, 30, 20)
SCENARIOS: Final = (
    Scenario(name="independent", title="one image a person", persons=(800, 600, 400, 200, 100), sizes="one",
             correlation=0.0),
    Scenario(name="persons", title="300 persons, 1 to 40 images each", persons=_PERSONS,
             second_attribute=True),
    Scenario(name="strong", title="the same, correlation .6", persons=_PERSONS, correlation=0.6),
    Scenario(name="weak", title="the same, correlation 0", persons=_PERSONS, correlation=0.0),
    Scenario(name="tens", title="300 persons, 10 images each", persons=_PERSONS, sizes="ten"),
    Scenario(name="few", title="groups of 10 and of 5 persons", persons=(150, 80, 50, 10, 5)),
    Scenario(name="confirmed", title="half of the persons held out", persons=tuple(2 * n for n in _PERSONS),
             confirm=0.5),
    Scenario(name="margin", title="one gap as wide as the margin of the gates", persons=(1500, 900, 900),
             sizes="one", correlation=0.0, probes=1, gaps=1, gap=GAP_AT_MARGIN, reference="g0"),
    Scenario(name="unequal", title="the smallest group answers alike (.6), the others hardly (.1)",
             persons=_PERSONS, correlation=0.1, unequal=0.6),
    Scenario(name="ten alike", title="ten persons alike (.6), the others hardly (.1)",
             persons=(110, 80, 60, 30, 10), correlation=0.1, unequal=0.6),
    Scenario(name="weighted", title="persons with high scores over-represented, survey weights",
             persons=_PERSONS, selection=0.6),
    Scenario(name="weighted gaps", title="the same, 25 points in all of 3 probes", persons=_PERSONS,
             selection=0.6, gaps=3, reference="g0"),
    Scenario(name="one gap", title="25 points in one of 3 probes", persons=_PERSONS, gaps=1, reference="g0"),
    Scenario(name="gaps", title="25 points in all of 3 probes", persons=_PERSONS, gaps=3, reference="g0"),
    Scenario(name="gap and rest", title="25 points in all of 3 probes, against the rest", persons=_PERSONS,
             gaps=3),
    Scenario(name="five gaps", title="25 points in 5 of 20 probes", persons=_PERSONS, gaps=5, probes=20,
             reference="g0"),
    Scenario(name="twenty gaps", title="25 points in 20 of 20 probes", persons=_PERSONS, gaps=20, probes=20,
             reference="g0"),
)  # fmt: skip
BY_NAME: Final = {scenario.name: scenario for scenario in SCENARIOS}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The persons and images of one audit.

    Attributes
    ----------
    group, tone
        [K] group and second attribute of each person.
    images
        [K] images of each person; theirs stand next to each other.
    scores
        [P, N] of the harmful class of each probe.
    weights
        [K] how many members of the population each image of a person stands for; None without weights.
    """

    group: NDArray[np.intp]
    tone: NDArray[np.intp]
    images: NDArray[np.int64]
    scores: Floats
    weights: Floats | None = None

    @property
    def image_weights(self) -> Floats:
        """[N] of the images, 1 on average."""
        if self.weights is None:
            return np.ones(self.scores.shape[1])
        weights = np.repeat(self.weights, self.images)
        return np.asarray(weights / weights.mean())


def drawn(scenario: Scenario, *, seed: int, images: NDArray[np.int64] | None = None) -> Drawn:
    """Draw one audit; with the given numbers of images of its persons, where they are given.

    With a selection c, persons have a disposition z that half of their own part of every score is made of. In
    the population z is standard normal; persons are drawn with a chance that grows like exp(c z), which makes
    it normal around c among them, and weigh exp(-c z). So the weighted rates of the population are the rates
    of the scenario, and plain ones lie above.
    """
    # The name is in the seed, so that scenarios of one study are drawn independently.
    rng = np.random.default_rng((seed, *scenario.name.encode()))
    group = np.repeat(np.arange(len(scenario.persons)), scenario.persons)
    # Associated with the group, and like it one of the person.
    tone = (rng.random(len(group)) < 0.3 + 0.1 * group).astype(np.intp)
    own_images = images_of(scenario.sizes, len(group), rng)
    images = own_images if images is None else images
    person = np.repeat(np.arange(len(group)), images)
    shared = np.full(len(scenario.persons), latent_correlation(scenario.correlation, 0.2))
    if scenario.unequal is not None:
        shared[-1] = latent_correlation(scenario.unequal, 0.2)
    of_person, of_image = np.sqrt(shared)[group], np.sqrt(1 - shared)[group][person]
    disposition = rng.normal(scenario.selection, size=len(group)) if scenario.selection else None
    means = special.ndtri(
        np.array(
            [[scenario.rate(p, g) for g in range(len(scenario.persons))] for p in range(scenario.probes)]
        )
    )
    scores = np.empty((scenario.probes, len(person)))
    for probe in range(scenario.probes):
        own = rng.normal(size=len(group))
        if disposition is not None:
            # The root keeps the variance of a person's part at 1, and so the correlation of their images.
            own = np.sqrt(0.5) * (own + disposition)
        noise = (of_person * own)[person] + of_image * rng.normal(size=len(person))
        scores[probe] = special.ndtr(means[probe, group[person]] + noise)
    weights = None if disposition is None else np.exp(-scenario.selection * disposition)
    return Drawn(group=group, tone=tone, images=images, scores=scores, weights=weights)


def predictions_of(scenario: Scenario, *, seed: int) -> pd.DataFrame:
    """The table of predictions of one audit: a row per image, with person, groups and a score per probe."""
    one = drawn(scenario, seed=seed)
    person = np.repeat(np.arange(len(one.group)), one.images)
    table = pd.DataFrame(
        {
            "path": [f"{number}.png" for number in range(len(person))],
            "subject_id": [f"p{number}" for number in person],
            "origin": np.array(scenario.groups)[one.group[person]],
            "tone": np.array(TONES)[one.tone[person]],
        }
    )
    for probe, scores in enumerate(one.scores):
        table[f"score_harm {probe}"] = scores
    if one.weights is not None:
        table[SURVEY_WEIGHT] = one.weights[person]
    # The same for all: an image gets the harmful class by argmax just where it reaches one half.
    return table.assign(score_other=0.5)


def audit_seed(seed: int, number: int) -> int:
    """The seed of one audit of a study."""
    return 1_000_000 * seed + number


def images_of(sizes: Sizes, persons: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Numbers of images of so many persons."""
    if sizes == "skewed":
        # The mean is about 1 / 0.14.
        return np.minimum(rng.geometric(0.14, persons), MOST_IMAGES)
    return np.full(persons, {"one": 1, "ten": 10}[sizes])


@cache
def latent_correlation(correlation: float, rate: float) -> float:
    """Correlation of two normal variables whose events of that rate have the given correlation."""
    if correlation <= 0:
        return 0.0
    bound = special.ndtri(rate)

    def excess(latent: float) -> float:
        # P(both below the bound), by Owen's T (Owen 1956).
        both = rate - 2 * special.owens_t(bound, np.sqrt((1 - latent) / (1 + latent)))
        return float((both - rate**2) / (rate * (1 - rate)) - correlation)

    return float(optimize.brentq(excess, 0.0, 1.0))


def suite_of(scenario: Scenario) -> dict[str, Any]:
    """The suite that asks: a probe a score, with gates of 10 points, under argmax and two thresholds."""
    probes: list[dict[str, Any]] = [
        {
            "name": f"probe {number}",
            "label_set": f"set {number}",
            "rules": [PREDICTION.name, CURVE_RULE.name],
            "groups": [["origin"], ["tone"]] if scenario.second_attribute else [["origin"]],
            "outcomes": {"harm": ["harm: crime"]},
            **({} if scenario.reference == "(rest)" else {"references": {"origin": scenario.reference}}),
        }
        for number in range(scenario.probes)
    ]
    label_sets = {
        f"set {number}": {
            "source": "simulated",
            "sets": {"identity": ["other"], "harm: crime": [f"harm {number}"]},
        }
        for number in range(scenario.probes)
    }
    gates = [
        {"name": probe["name"], "probe": probe["name"], "outcome": "harm", "groups": ["origin"],
         "margin": GATE_MARGIN}
        for probe in probes
    ]  # fmt: skip
    suite = {
        "suite": "simulated", "label_sets": label_sets, "thresholds": list(THRESHOLDS), "curve": CURVE,
        "probes": probes, "gates": gates,
    }  # fmt: skip
    if scenario.selection:
        suite["population"] = {"weights": SURVEY_WEIGHT}
    return suite | ({"confirmation": {"share": scenario.confirm}} if scenario.confirm else {})
