"""From predictions to metrics with intervals, tables of classes, confusion and templates.

Shapes: N images, C classes, T templates, K configurations of prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.evaluation.estimates import (
    CONFIDENCE,
    Estimate,
    bootstrapped,
    mean_recall,
    share,
)
from audit.evaluation.paired_answers import compare_answers
from audit.statistics.multiplicity import holm
from audit.statistics.proportion.intervals import wilson
from clipmodel.array_types import AnyFloats
from clipmodel.evaluation.metrics import score_metrics
from clipmodel.evaluation.metrics.class_metrics import (
    confusion,
    group_means,
    macro_f1,
    mean_per_class_recall,
    per_class_recall,
)

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
TOP_CLASSES = 5
MOST_CONFUSED = 1000


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a classifier answered to N images.

    Attributes
    ----------
    ids, truth, predicted, in_top5
        [N] each.
    classes
        C names.
    scores
        [N, C] if a metric needs them.
    clusters, groups
        [N] what each image belongs to; the groups of a worst-group metric, None where an image counts for
        none.
    """

    ids: Sequence[str]
    truth: Ints
    predicted: Ints
    in_top5: Bools
    classes: Sequence[str]
    scores: AnyFloats | None = None
    clusters: Sequence[str] | None = None
    groups: Sequence[str | None] | None = None


def classification_metrics(
    answers: Answers, *, main: str, seed: int, prefix: str = ""
) -> dict[str, Estimate]:
    """acc1, acc5 and mean_per_class_recall as CLIP_benchmark names them, and the set's main metric.

    acc5 is NaN with fewer than five classes.

    Parameters
    ----------
    main
        A metric of the registry.
    seed
        Of bootstrap intervals.
    prefix
        "lp_" for a linear probe.
    """
    right = answers.truth == answers.predicted
    counts = confusion(answers.truth, answers.predicted, classes=len(answers.classes))
    top1 = share(right, answers.clusters)
    few = len(answers.classes) < TOP_CLASSES
    nothing = Estimate(value=np.nan, low=np.nan, high=np.nan, n=top1.n, method="fewer than five classes")
    found = {
        "acc1": top1,
        "acc5": nothing if few else share(answers.in_top5, answers.clusters),
        "mean_per_class_recall": _mean_recall(answers, counts, seed=seed),
    }
    if main not in found:
        # Only the main metric is computed beyond the three common ones: each bootstrap takes 500 passes.
        found[main] = _main_metric(answers, main, right=right, seed=seed)
    return {f"{prefix}{name}": estimate for name, estimate in found.items()}


def _mean_recall(answers: Answers, counts: Ints, *, seed: int) -> Estimate:
    # The combination of the classes' intervals takes images for independent.
    if answers.clusters is None:
        return mean_recall(counts)
    truth, predicted, classes = answers.truth, answers.predicted, len(answers.classes)
    return bootstrapped(
        lambda rows: mean_per_class_recall(confusion(truth[rows], predicted[rows], classes=classes)),
        len(truth),
        clusters=answers.clusters,
        seed=seed,
    )


def _main_metric(answers: Answers, main: str, *, right: Bools, seed: int) -> Estimate:
    n, c = len(right), len(answers.classes)
    metric: Callable[[Ints], float]
    if main == "mean_acc1_acc5":
        both = (right.astype(float) + answers.in_top5) / 2

        def metric(rows: Ints) -> float:
            return float(both[rows].mean())
    elif main == "macro_f1":

        def metric(rows: Ints) -> float:
            return macro_f1(confusion(answers.truth[rows], answers.predicted[rows], classes=c))
    elif main == "roc_auc":
        scores = _scores(answers)
        if c != 2:
            raise ValueError(f"the area under the ROC curve is of two classes, not {c}")

        def metric(rows: Ints) -> float:
            # The difference of both logits orders images as the softmax's probability does.
            return score_metrics.roc_auc(scores[rows, 1] - scores[rows, 0], answers.truth[rows] == 1)
    elif main in ("worst_group_acc1", "worst_group_acc5"):
        return worst_group_estimate(right if main.endswith("1") else answers.in_top5, answers.groups)
    else:
        raise ValueError(f"the metric {main!r} is none of a set with one label per image")
    return bootstrapped(metric, n, clusters=answers.clusters, seed=seed)


def _scores(answers: Answers) -> AnyFloats:
    if answers.scores is None:
        raise ValueError("this metric needs scores")
    return answers.scores


def worst_group_estimate(right: Bools, groups: Sequence[str | None] | None) -> Estimate:
    """The share of the group with the lowest one, with that group's Wilson interval.

    The interval is that of the group alone, without a correction for the choice of the worst: it says how
    well this group is measured. The page says that the lowest of several is biased low.
    """
    table = group_table(right, groups)
    known = table.dropna(subset="rate")
    if not len(known):
        return Estimate(value=np.nan, low=np.nan, high=np.nan, n=0, method="no groups")
    row = known.iloc[int(known["rate"].to_numpy().argmin())]
    return Estimate(
        value=float(row["rate"]),
        low=float(row["low"]),
        high=float(row["high"]),
        n=int(row["n"]),
        method=f"Wilson, of the group {row['group']}",
    )


def group_table(right: Bools, groups: Sequence[str | None] | None) -> pd.DataFrame:
    """One row per group: group, n, count, rate, low, high."""
    values = np.asarray([] if groups is None else groups, dtype=object)
    known = np.array([value is not None for value in values], dtype=bool)
    code, names = pd.factorize(values[known], sort=True)
    own = np.asarray(right)[known] if len(known) else np.zeros(0, dtype=bool)
    rate, n = group_means(own, code.astype(np.int64), n_groups=len(names))
    count = np.bincount(code, weights=own, minlength=len(names)).astype(int)
    low, high = wilson(count, n, confidence=CONFIDENCE)
    return pd.DataFrame({"group": names, "n": n, "count": count, "rate": rate, "low": low, "high": high})


def multilabel_metrics(
    scores: AnyFloats, truth: Bools, *, main: str, seed: int, clusters: Sequence[str] | None = None
) -> dict[str, Estimate]:
    """mean_average_precision as CLIP_benchmark names it, and the 11-point mean if the set asks for it."""
    found = {}
    for name, metric in (
        ("mean_average_precision", score_metrics.average_precision),
        ("map_11_point", score_metrics.eleven_point_average_precision),
    ):
        if name == "mean_average_precision" or name == main:
            found[name] = bootstrapped(
                lambda rows, metric=metric: score_metrics.mean_over_classes(
                    metric, scores[rows], truth[rows]
                ),  # type: ignore[misc]
                len(scores),
                clusters=clusters,
                seed=seed,
                # Average precision sorts all images once for each class and replicate, hence fewer of them.
                replicates=200,
            )
    return found


def per_class_table(answers: Answers) -> pd.DataFrame:
    """One row per class: n, right, recall with interval, predicted, precision, the commonest mistake."""
    counts = confusion(answers.truth, answers.predicted, classes=len(answers.classes))
    n, right, predicted = counts.sum(axis=1), np.diag(counts), counts.sum(axis=0)
    low, high = wilson(right, n, confidence=CONFIDENCE)
    # The diagonal is taken out, so that the largest cell left is a mistake.
    mistakes = counts - np.diag(right)
    worst = mistakes.argmax(axis=1)
    names = np.asarray(answers.classes, dtype=object)
    return pd.DataFrame(
        {
            "class": np.arange(len(names)),
            "name": names,
            "n": n,
            "right": right,
            "recall": per_class_recall(counts),
            "low": low,
            "high": high,
            "predicted": predicted,
            "precision": np.where(predicted > 0, right / np.maximum(predicted, 1), np.nan),
            "most_confused_with": np.where(mistakes.max(axis=1) > 0, names[worst], ""),
        }
    )


def confusion_table(answers: Answers) -> pd.DataFrame:
    """Non-zero cells of the confusion matrix, largest first: truth, predicted, images (the 1,000 largest)."""
    counts = confusion(answers.truth, answers.predicted, classes=len(answers.classes))
    truth, predicted = np.nonzero(counts)
    table = pd.DataFrame(
        {
            "truth": [answers.classes[c] for c in truth.tolist()],
            "predicted": [answers.classes[c] for c in predicted.tolist()],
            "images": counts[truth, predicted],
        }
    )
    return table.sort_values("images", ascending=False, kind="stable", ignore_index=True).head(MOST_CONFUSED)


def image_table(answers: Answers) -> pd.DataFrame:
    """One row per image: what a paired comparison of two models needs."""
    return pd.DataFrame(
        {
            "id": list(answers.ids),
            "truth": answers.truth,
            "predicted": answers.predicted,
            "acc1": answers.truth == answers.predicted,
            "acc5": answers.in_top5,
            "cluster": list(answers.ids if answers.clusters is None else answers.clusters),
        }
    )


def template_table(
    names: Sequence[str],
    right: Bools,
    left_out: Bools,
    *,
    clusters: Sequence[str] | None = None,
) -> pd.DataFrame:
    """What each set of prompts gets right, against the ensemble, and what each template adds to it.

    Parameters
    ----------
    names
        K = T + 2: the ensemble, the class name alone, each template.
    right
        [K, N].
    left_out
        [T, N] the ensemble without each template.

    Returns
    -------
    prompts, n, accuracy, low, high; difference (from the ensemble) with difference_low, difference_high, p,
    p_adjusted (Holm, over all rows but the ensemble); adds (accuracy of the ensemble minus that without the
    template) with adds_low, adds_high, adds_p, adds_p_adjusted.
    """
    rows = []
    for k, name in enumerate(names):
        own = share(right[k], clusters)
        row = {"prompts": name, "n": own.n, "accuracy": own.value, "low": own.low, "high": own.high}
        if k:
            against = compare_answers(right[k], right[0], clusters)
            row |= {
                "difference": against.difference,
                "difference_low": against.low,
                "difference_high": against.high,
                "p": against.p,
            }
        # The first two rows are the ensemble and the bare name, which belong to no template.
        if k >= 2 and len(left_out) > 1:
            adds = compare_answers(right[0], left_out[k - 2], clusters)
            row |= {"adds": adds.difference, "adds_low": adds.low, "adds_high": adds.high, "adds_p": adds.p}
        rows.append(row)
    columns = [
        "prompts", "n", "accuracy", "low", "high", "difference", "difference_low", "difference_high", "p",
        "adds", "adds_low", "adds_high", "adds_p",
    ]  # fmt: skip
    table = pd.DataFrame(rows).reindex(columns=columns)
    for name in ("p", "adds_p"):
        table[name] = table[name].astype(float)
        table[f"{name}_adjusted"] = holm(table[name].to_numpy())
    return table
