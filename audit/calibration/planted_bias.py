"""Bias planted on purpose in trained models: is it found, and nothing else?

A model is compared with a panel of control models, trained alike from other seeds on the data as they are.
What a seed does to a group is in the spread of the panel, so a finding is beyond what another seed, on these
images, would do.

M models, G groups.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from audit.statistics.multiplicity import holm
from audit.statistics.proportion.intervals import clopper_pearson
from clipmodel.array_types import Floats

LEVEL = 0.05
MODEL_COLUMNS = ("model", "group", "strength", "planted", "change", "t", "p_adjusted", "named")
SUMMARY_COLUMNS = (
    "strength", "models", "change", "detectable", "found", "found_low", "found_high", "found_only",
    "any_other",
)  # fmt: skip


def panel_contrasts(value: ArrayLike, panel: ArrayLike) -> tuple[Floats, Floats]:
    """How much worse each group of a model does than in the panel, beside its other groups.

    Parameters
    ----------
    value
        [G] of the model: higher is better.
    panel
        [K, G] of K control models.

    Returns
    -------
    change
        [G]: the group less the mean of the other groups, of the model less the mean of the panel.
    p
        [G], one-sided for a change below zero: Student's t with K - 1 degrees of freedom, of the change over
        its standard deviation between controls, enlarged by sqrt(1 + 1/K) for the mean of the panel.
    """
    own, others = _beside_the_rest(value), _beside_the_rest(panel)
    controls = len(others)
    change = own - others.mean(axis=0)
    error = others.std(axis=0, ddof=1) * np.sqrt(1 + 1 / controls)
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = np.where(error > 0, change / error, np.nan)
    return change, np.asarray(special.stdtr(controls - 1, statistic))


def detectable_change(panel: ArrayLike, *, power: float = 0.95) -> Floats:
    """The loss [G] that is found in a share `power` of models, at Bonferroni's level over the groups."""
    others = _beside_the_rest(panel)
    controls, groups = others.shape
    quantiles = special.stdtrit(controls - 1, 1 - LEVEL / groups) + special.stdtrit(controls - 1, power)
    return np.asarray(quantiles * others.std(axis=0, ddof=1) * np.sqrt(1 + 1 / controls))


def judge_models(values: pd.DataFrame) -> pd.DataFrame:
    """Audit each model against the panel of the controls (of the other controls, where it is one).

    Parameters
    ----------
    values
        One row per model and group: model, planted (the group thinned, "" for a control), strength, group,
        value.

    Returns
    -------
    Columns `MODEL_COLUMNS`, one row per model and group; `named` where Holm's adjusted p is below .05.
    """
    models, groups, table = _wide(values)
    about = values.drop_duplicates("model").set_index("model").loc[models]
    planted_groups, strengths = about["planted"].tolist(), about["strength"].tolist()
    is_control = np.array([planted == "" for planted in planted_groups])
    rows: list[tuple[Any, ...]] = []
    for number, (name, planted, strength) in enumerate(zip(models, planted_groups, strengths, strict=True)):
        panel = table[is_control & (np.arange(len(models)) != number)]
        change, p = panel_contrasts(table[number], panel)
        adjusted, statistic = holm(p), special.stdtrit(len(panel) - 1, p)
        rows += [
            (name, group, strength, planted, change[i], statistic[i], adjusted[i], bool(adjusted[i] < LEVEL))
            for i, group in enumerate(groups)
        ]
    return pd.DataFrame(rows, columns=list(MODEL_COLUMNS))


def planted_summary(judged: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """What was found, by strength; strength 0 are the controls, of which each finding is a false alarm.

    Returns
    -------
    Columns `SUMMARY_COLUMNS`: change (mean, of the thinned group), detectable (the mean change that is found
    with 95 % power), found with a 95 % interval (share of models whose thinned group is named; of controls,
    with any finding), found_only (and no other group), any_other (share in which another group is named).
    """
    models, groups, table = _wide(values)
    controls = set(values.loc[values["planted"] == "", "model"])
    limits = detectable_change(table[[name in controls for name in models]])
    detectable = dict(zip(groups, limits.tolist(), strict=True))
    rows: list[tuple[Any, ...]] = []
    for strength in sorted(set(judged["strength"].tolist())):
        part = judged[judged["strength"] == strength]
        own = (part["group"] == part["planted"]).to_numpy()
        named = part["named"].to_numpy(dtype=bool)
        marked = part.assign(found=named & own, other=named & ~own)
        by_model = marked.groupby("model")[["found", "other"]].any()
        found, other = by_model["found"].to_numpy(), by_model["other"].to_numpy()
        counted = found if strength > 0 else other
        low, high = clopper_pearson(counted.sum(), len(counted))
        thinned = [detectable[group] for group in part.loc[own, "group"]]
        rows.append(
            (strength, len(counted), part.loc[own, "change"].mean(), -np.mean(thinned) if thinned else np.nan,
             counted.mean(), float(low), float(high), (found & ~other).mean() if strength > 0 else np.nan,
             other.mean())
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def _wide(values: pd.DataFrame) -> tuple[list[str], list[str], Floats]:
    """Names of models and groups, and their values [M, G]."""
    table = values.set_index(["model", "group"])["value"].unstack("group")
    return [str(name) for name in table.index], [str(name) for name in table.columns], table.to_numpy(float)


def _beside_the_rest(values: ArrayLike) -> Floats:
    """Each group less the mean of the others, [..., G]."""
    array = np.asarray(values, dtype=float)
    groups = array.shape[-1]
    contrasts: Floats = array - (array.sum(axis=-1, keepdims=True) - array) / (groups - 1)
    return contrasts
