"""Association probes: C-ASC over a list of words, SC-WEAT, and WEAT on images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from probes.datasets.base import DemographicDataset
from probes.measures.context import (
    TOO_FEW,
    WHOLE_CLUSTERS,
    Given,
    Groups,
    Row,
    check_values,
    divide,
    row,
    texts_of,
    vectors,
    word_prompts,
)
from probes.metrics.c_asc import Scores, association_test
from probes.metrics.weat import two_groups
from probes.suite.measure_probes import AssociationProbe
from probes.suite.suite import Suite

CORRECTIONS = {"max_t": "max-T", "bh": "Benjamini-Hochberg"}


def texts(probe: AssociationProbe, suite: Suite, dataset: DemographicDataset) -> set[str]:
    """The prompts of the words; UserError where the data lack a value of the contrast."""
    for attribute, pair in probe.contrast.items():
        check_values(probe, dataset, attribute, pair)
    return texts_of(word_prompts(probe, suite, dataset))


def run(probe: AssociationProbe, given: Given) -> pd.DataFrame:
    """A row a word and group (C-ASC), a word (SC-WEAT), or a template (WEAT)."""
    rows: list[Row] = []
    for template, shown in word_prompts(probe, given.suite, given.dataset).items():
        words = vectors(shown, given.embedded)
        place = {item: i for i, item in enumerate(shown)}
        if probe.test == "weat":
            found = [_weat(probe, given, words, place)]
        elif probe.test == "c_asc":
            divisions = [divide(given.dataset, given.images.rows, spec) for spec in probe.groups]
            found = [one for groups in divisions for one in _c_asc(probe, given, words, groups, place)]
        else:
            found = list(_sc_weat(probe, given, words, place))
        rows += [one | {"template": template} for one in found]
    return pd.DataFrame(rows)


def _c_asc(
    probe: AssociationProbe, given: Given, words: np.ndarray, groups: Groups, place: dict[str, int]
) -> Iterator[Row]:
    scores = _test(probe, given, words, np.flatnonzero(groups.known), groups.codes[groups.known], len(groups))
    note = _note(probe, given, len(place) * len(groups), f"of {len(place)} words x {len(groups)} groups")
    for word_group, item in _asked(probe, place):
        for group, values in enumerate(groups.values):
            n = int(groups.sizes[group])
            yield _scored(
                probe, "C-ASC", item, scores, (place[item], group), n=n, note=note,
                group=values, design=word_group,
            )  # fmt: skip


def _sc_weat(
    probe: AssociationProbe, given: Given, words: np.ndarray, place: dict[str, int]
) -> Iterator[Row]:
    """C-ASC of two groups is SC-WEAT, so one table does for all words."""
    ((attribute, pair),) = probe.contrast.items()
    first, second = _two(given, attribute, pair)
    chosen = np.concatenate([first, second])
    codes = np.repeat([0, 1], [len(first), len(second)])
    scores = _test(probe, given, words, chosen, codes, 2)
    correction = _note(probe, given, len(place), f"of {len(place)} words")
    note = f"{attribute} {pair[0]} against {pair[1]}; two-sided; {correction}"
    for word_group, item in _asked(probe, place):
        yield _scored(
            probe, "SC-WEAT d", item, scores, (place[item], 0), n=len(chosen), note=note, design=word_group,
            least=min(len(first), len(second)),
        )  # fmt: skip


def _weat(probe: AssociationProbe, given: Given, words: np.ndarray, place: dict[str, int]) -> Row:
    ((attribute, pair),) = probe.contrast.items()
    first, second = _two(given, attribute, pair)
    sides = [
        words[[place[item] for group, item in _asked(probe, place) if group == name]].astype(np.float64)
        for name in probe.between
    ]
    item = f"{' / '.join(pair)}: {' / '.join(probe.between)}"
    least = min(len(first), len(second))
    if least < probe.min_group or not all(map(len, sides)):
        few = TOO_FEW.format(probe.min_group)
        why = few if all(map(len, sides)) else "a group of words is not in the file"
        return row(probe, "WEAT d", n=len(first) + len(second), value=np.nan, item=item, note=why)
    # s(w, A, B) of unit-norm images, of which only similarities are held.
    associations = given.images.similarities(sides[0]).mean(axis=1)
    associations -= given.images.similarities(sides[1]).mean(axis=1)
    effect = two_groups(
        associations[first], associations[second], permutations=probe.permutations, seed=given.suite.seed,
        clusters=None if given.clusters is None else given.clusters[np.concatenate([first, second])],
    )  # fmt: skip
    how = "all splits" if effect.exact else "random splits"
    how += "" if given.clusters is None else f"; {WHOLE_CLUSTERS}"
    note = f"{attribute} {pair[0]} with {probe.between[0]}; one-sided p over {effect.n_splits:,} {how}"
    return row(
        probe, "WEAT d", n=len(first) + len(second), value=effect.value, item=item, p=effect.p,
        p_adjusted=effect.p, note=note,
    )  # fmt: skip


def _two(given: Given, attribute: str, pair: list[str]) -> tuple[np.ndarray, np.ndarray]:
    values = given.dataset.values(attribute).iloc[given.images.rows].to_numpy()
    return np.flatnonzero(values == pair[0]), np.flatnonzero(values == pair[1])


def _test(
    probe: AssociationProbe,
    given: Given,
    words: np.ndarray,
    chosen: np.ndarray,
    codes: np.ndarray,
    n_groups: int,
) -> Scores:
    """C-ASC of the chosen images, whose groups are `codes`."""
    return association_test(
        given.images.similarities(words)[chosen], codes, n_groups=n_groups,
        permutations=probe.permutations, correction=probe.correction, seed=given.suite.seed,
        clusters=None if given.clusters is None else given.clusters[chosen],
    )  # fmt: skip


def _note(probe: AssociationProbe, given: Given, n_tests: int, family: str) -> str:
    correction = f"{CORRECTIONS[probe.correction]} over {n_tests:,} tests {family}"
    whole = "" if given.clusters is None else f"; {WHOLE_CLUSTERS}"
    return f"{correction}; {probe.permutations:,} permutations{whole}"


def _asked(probe: AssociationProbe, place: dict[str, int]) -> Iterator[tuple[str, str]]:
    """The words that can be asked about, with their group; a word of two groups comes twice."""
    return ((group, item.name) for group, item in probe.word_list.members if item.name in place)


def _scored(
    probe: AssociationProbe,
    metric: str,
    item: str,
    scores: Scores,
    cell: tuple[int, int],
    *,
    n: int,
    note: str,
    design: str,
    group: dict[str, str] | None = None,
    least: int | None = None,
) -> Row:
    if (n if least is None else least) < probe.min_group:
        note = TOO_FEW.format(probe.min_group)
        return row(probe, metric, n=n, value=np.nan, group=group, item=item, design=design, note=note)
    return row(
        probe, metric, n=n, value=scores.value[cell], group=group, item=item, design=design,
        low=scores.low[cell], high=scores.high[cell], p=scores.p[cell], p_adjusted=scores.p_adjusted[cell],
        note=note,
    )  # fmt: skip
