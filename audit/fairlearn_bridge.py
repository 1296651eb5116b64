"""To and from fairlearn: an audit as a MetricFrame, the inputs of a MetricFrame as an audit.

fairlearn is imported only where a MetricFrame is made; everything else here works without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from audit.result import AuditResult
from audit.statistics.proportion.exact_intervals import exact_difference
from audit.statistics.proportion.intervals import wilson
from audit.tables.groups.group_counts import joined_truths, truths_of_class
from clipmodel import __version__
from clipmodel.errors import UserError
from probes.records import (
    EVENT_COLUMNS,
    KEYS,
    MISSING,
    NO_TRUTH,
    SCHEMA_VERSION,
    Manifest,
    Records,
    attribute_column,
    attribute_entry,
    attribute_of,
    empty_counts,
    empty_table,
)
from probes.records.manifest_types import OutcomeEntry, ProbeEntry
from probes.rules.rule_registry import PREDICTION, one_class_rules

if TYPE_CHECKING:
    from fairlearn.metrics import MetricFrame

__all__ = ["audit_of_predictions", "equalized_odds", "metric_frame", "metric_frame_inputs"]

PROBE = "predictions"
SELECTED = "selected"


def metric_frame_inputs(
    result: AuditResult, *, probe: str, design: str | None = None, template: str | None = None
) -> dict[str, Any]:
    """The predictions of an audit as `y_true`, `y_pred` and `sensitive_features`, a row per image.

    Parameters
    ----------
    probe
        One with a truth, under the rule argmax.
    design, template
        The specification; the first if left out. Values of the truth that one of its classes stands for
        together are one label, such as "50-59 or 60-69".

    Raises
    ------
    UserError
        The audit holds no counts, or not of this specification, or the probe has no truth.
    """
    entry = next((one for one in result.manifest["probes"] if one["name"] == probe), None)
    if result.manifest.get("population"):
        raise UserError(
            "the audit is weighted to a population, and a MetricFrame counts images as they are",
            remedy="take an audit of a suite without 'population'",
        )
    if entry is None or not entry.get("truth"):
        raise UserError(f"no probe {probe!r} with a truth", remedy="name a probe that has one")
    own = result.counts[
        (result.counts["probe"] == probe)
        & (result.counts["event_kind"] == "class")
        & result.counts["rule"].isin(one_class_rules())
        & ~result.counts["truth"].isin([MISSING, NO_TRUTH])
    ]
    for column, wanted in (("design", design), ("template", template)):
        chosen = wanted if wanted is not None else own[column].iloc[0] if len(own) else None
        own = own[own[column] == chosen]
    if not len(own):
        raise UserError(
            f"the audit holds no counts of {probe!r} in this design and template", remedy="see result.counts"
        )
    attributes = list(dict.fromkeys(name for spec in entry["groups"] for name in spec))
    meant, joined = truths_of_class(entry), joined_truths(entry, str(own["design"].iloc[0]))
    # Counts unfold into rows: a MetricFrame takes examples, and these have the same counts.
    rows = own.loc[own.index.repeat(own["count"])].reset_index(drop=True)
    # A class that is never the right answer keeps its own name, so that it is an error.
    answer = {name: joined.get(truths[0], truths[0]) for name, truths in meant.items() if truths}
    predicted = [answer.get(name, name) for name in rows["event"].astype("str")]
    return {
        "y_true": rows["truth"].astype("str").replace(joined).to_numpy(),
        "y_pred": np.array(predicted, dtype=object),
        "sensitive_features": rows[attributes].astype("str").rename(columns=attribute_of),
    }


def metric_frame(
    result: AuditResult,
    metrics: Mapping[str, Callable[..., Any]],
    *,
    by: Sequence[str],
    probe: str,
    **specification: Any,
) -> MetricFrame:
    """An audit as fairlearn's MetricFrame.

    Parameters
    ----------
    metrics
        Name -> function of y_true and y_pred.
    by
        Attributes; images that miss one of them are left out, as in the audit's rates.
    probe, specification
        As for `metric_frame_inputs`.

    Returns
    -------
    MetricFrame
        Over the images of the audit, one row each; its `by_group` has no interval.

    Raises
    ------
    UserError
        As `metric_frame_inputs`.
    """
    from fairlearn.metrics import MetricFrame

    inputs = metric_frame_inputs(result, probe=probe, **specification)
    features = inputs["sensitive_features"][list(by)]
    known = (features != MISSING).all(axis=1).to_numpy()
    return MetricFrame(
        metrics=dict(metrics), y_true=inputs["y_true"][known], y_pred=inputs["y_pred"][known],
        sensitive_features=features[known],
    )  # fmt: skip


def audit_of_predictions(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sensitive_features: pd.DataFrame | pd.Series,
    positive: object | None = None,
    name: str = "predictions",
    references: Mapping[str, str] | None = None,
    gates: Sequence[Mapping[str, Any]] = (),
) -> AuditResult:
    """Audit any classifier from the inputs of a MetricFrame.

    Parameters
    ----------
    y_true, y_pred
        [N] labels.
    sensitive_features
        N rows: one column per attribute, or one named series; all columns are compared by, and crossed in
        pairs. An example without a value of an attribute is in no group of it.
    positive
        A label that is good or bad to get: adds the outcome "selected", P(prediction = positive | group).
    name
        Of the data, in the report.
    references
        Attribute -> the group to compare with; otherwise the rest.
    gates
        As in a suite, on the probe "predictions".

    Returns
    -------
    An audit with the outcome "misclassified": rates, gaps, findings and verdict as from a run.

    Raises
    ------
    ValueError
        Lengths differ.

    Examples
    --------
    >>> truth, answer = ["a", "b"] * 20, ["a", "a"] * 20
    >>> result = audit_of_predictions(truth, answer, sensitive_features=pd.Series(["x", "y"] * 20, name="g"))
    >>> result.rates.loc[result.rates["g"] == "y", "rate"].tolist()
    [1.0]
    """
    features = pd.DataFrame(sensitive_features).astype("object").where(lambda table: table.notna(), MISSING)
    features = features.astype("str").reset_index(drop=True)
    names = [str(column) for column in features.columns]
    features.columns = [attribute_column(column) for column in names]
    truth, predicted = (pd.Series(np.asarray(a)).astype("str") for a in (y_true, y_pred))
    if not len(truth) == len(predicted) == len(features):
        sizes = f"{len(truth)}, {len(predicted)} and {len(features)}"
        raise ValueError(f"y_true, y_pred and sensitive_features have {sizes} rows")
    # Labels that occur on either side: one that is only predicted is a wrong answer, not an unknown one.
    attributes, labels = list(features.columns), sorted({*truth, *predicted})
    sets = {SELECTED: [str(positive)]} if positive is not None else {}
    images = features.assign(truth=truth, prediction=predicted)
    manifest = _manifest(names, labels, sets, name=name, n=len(images), references=references, gates=gates)
    return AuditResult.from_records(
        Records(
            manifest=manifest, counts=_counts(images, attributes, labels, sets),
            curves=empty_counts(attributes), excluded=empty_table("excluded", attributes),
        )
    )  # fmt: skip


def equalized_odds(
    y_true: ArrayLike, y_pred: ArrayLike, *, sensitive_features: pd.Series, positive: object
) -> pd.DataFrame:
    """True and false positive rates by group, and the equalised-odds difference, with intervals.

    Parameters
    ----------
    y_true, y_pred
        [N] labels.
    sensitive_features
        [N] the group of each example.
    positive
        The label whose rates are compared; every other one is negative.

    Returns
    -------
    Columns metric, group, n, count, value, low, high. Rows: "true positive rate" and "false positive rate" of
    every group with Wilson's 95 % interval; then of either rate, and of "equalized odds", the greatest
    difference of two groups. Its interval comes from exact intervals of all pairs of groups in all rates it
    ranges over, together at 95 % by Bonferroni: the greatest lower limit, at least 0, to the greatest upper
    one. It can hold 0, which a percentile bootstrap of a greatest difference cannot. NaN where a group has no
    example of a truth.
    """
    truth, hit = np.asarray(y_true) == positive, np.asarray(y_pred) == positive
    groups = pd.Series(np.asarray(sensitive_features)).astype("str").to_numpy()
    rows: list[dict[str, Any]] = []
    for metric, own in (("true positive rate", truth), ("false positive rate", ~truth)):
        for group in sorted(set(groups)):
            inside = own & (groups == group)
            n, count = int(inside.sum()), int((inside & hit).sum())
            # Examples count as independent here: a MetricFrame knows no clusters.
            low, high = wilson(count, n)
            value = count / n if n else np.nan
            rows.append(
                {"metric": metric, "group": group, "n": n, "count": count, "value": value,
                 "low": float(low), "high": float(high)}
            )  # fmt: skip
    by_group = pd.DataFrame(rows)
    rates = by_group["metric"].unique().tolist()
    spans = [("equalized odds", rates), *((rate, [rate]) for rate in rates)]
    widest = [_widest(by_group[by_group["metric"].isin(over)]) | {"metric": f"{name} difference"}
              for name, over in spans]  # fmt: skip
    return pd.concat([by_group, pd.DataFrame(widest)], ignore_index=True)[list(by_group.columns)]


def _widest(rates: pd.DataFrame) -> dict[str, Any]:
    """The greatest difference of two groups in a rate, with the interval of `equalized_odds`."""
    pairs = [pair for _, own in rates.groupby("metric") for pair in combinations(own.to_dict("records"), 2)]
    total = {"group": "", "n": int(rates["n"].sum()), "count": int(rates["count"].sum())}
    # The greatest difference of all groups is not known if one group's rate is not.
    if not pairs or not (rates["n"] > 0).all():
        return total | {"value": np.nan, "low": np.nan, "high": np.nan}
    first, second = (pd.DataFrame(side) for side in zip(*pairs, strict=True))
    cells = (first["count"], first["n"], second["count"], second["n"])
    low, high = exact_difference(*(cell.to_numpy() for cell in cells), confidence=1 - 0.05 / len(pairs))
    difference = (first["value"] - second["value"]).to_numpy()
    place = int(np.argmax(np.abs(difference)))
    limits = {
        # The greatest difference is at least that of any pair, hence the greatest lower limit.
        "low": max(float(np.max(np.maximum(low, -high))), 0.0),
        "high": float(np.max(np.maximum(high, -low))),
    }
    between = f"{first['group'].iloc[place]} and {second['group'].iloc[place]}"
    return total | {"group": between, "value": abs(float(difference[place]))} | limits


def _counts(
    images: pd.DataFrame, attributes: list[str], labels: list[str], sets: Mapping[str, list[str]]
) -> pd.DataFrame:
    """Counts of every cell and label, zeros kept."""
    cells = images.groupby([*attributes, "truth"], sort=True)
    n = cells.size()
    predicted = images.groupby([*attributes, "truth", "prediction"], sort=True).size()
    by_label = (
        predicted.unstack("prediction", fill_value=0).reindex(columns=labels, fill_value=0).loc[n.index]
    )
    events = {("class", label): by_label[label] for label in labels}
    events |= {("set", name): by_label[members].sum(axis=1) for name, members in sets.items()}
    tables = [
        count.rename("count").to_frame().assign(n=n, event_kind=kind, event=event).reset_index()
        for (kind, event), count in events.items()
    ]
    table = pd.concat(tables, ignore_index=True).assign(
        probe=PROBE, design="default", template="plain", rule=PREDICTION.name, threshold=np.nan
    )
    return table[[*KEYS, *attributes, *EVENT_COLUMNS]].astype({"n": "int64", "count": "int64"})


def _manifest(
    names: list[str],
    labels: list[str],
    sets: Mapping[str, list[str]],
    *,
    name: str,
    n: int,
    references: Mapping[str, str] | None,
    gates: Sequence[Mapping[str, Any]],
) -> Manifest:
    attributes = [attribute_column(one) for one in names]
    outcomes: list[OutcomeEntry] = [
        {
            "name": "misclassified",
            "title": "misclassified",
            "kind": "misclassified",
            "sets": [],
            "harmful": False,
        }
    ]
    outcomes += [{"name": key, "title": key, "kind": "set", "sets": [key], "harmful": False} for key in sets]
    probe: ProbeEntry = {
        "name": PROBE, "title": "Predictions", "question": "Given labels against given predictions.",
        "kind": "classification", "truth": "y_true", "label_set": "the labels", "label_set_source": "",
        "note": "", "sets": dict(sets) or {"labels": labels},
        "classes": [{"name": label, "set": "labels", "truth": label, "prompts": []} for label in labels],
        "designs": [{"name": "default", "description": "", "classes": labels}], "templates": ["plain"],
        "groups": [[a] for a in attributes] + [list(pair) for pair in combinations(attributes, 2)],
        "outcomes": outcomes,
        "references": {attribute_column(one): to for one, to in (references or {}).items()},
        "where_text": "all examples", "min_group": 3,
        "specifications": [("default", "plain", PREDICTION.name, None)],
    }  # fmt: skip
    return {
        "schema_version": SCHEMA_VERSION,
        "suite": {"name": PROBE, "title": f"Audit of {name}", "sha256": "", "text": ""},
        "model": {"name": "given predictions", "fingerprint": "", "preprocessing": "", "logit_scale": 1.0,
                  "logit_bias": None},
        "data": {"name": name, "title": name, "version": "", "sha256": "", "licence": "", "consent": "",
                 "label_provenance": "", "cluster": None, "n_images": n, "n_unreadable": 0, "n_not_loaded": 0,
                 "notes": [], "images_sha256": "", "caution": "", "confounding": []},
        "attributes": [attribute_entry(one) for one in names],
        "probes": [probe], "prompts_sha256": "", "seed": 0, "min_group": 3, "confirmation": None,
        "gates": [dict(gate) for gate in gates], "versions": {"clip_audit": __version__},
    }  # fmt: skip
