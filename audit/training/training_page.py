"""The page of a training run: loss, validation, and what audits on the way found, against the epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.conclusions.confounding_sentences import data_caution
from audit.figures import training as figures
from audit.report import components
from audit.report.components import ADJUSTED_P, INTERVAL, Column, between, table_of
from audit.statistics.proportion.proportions import wilson
from audit.training.history import TrainingHistory, skipped_words

ROWS_OF_LOG: Final = 12
INTERVALS: Final = "95\N{NO-BREAK SPACE}% intervals"
CAUTIONS: Final = (
    "One run is one seed. The intervals cover the choice of validation images only: another seed of the same "
    "recipe takes another course, and may differ by more than they span. Before recipes or epochs are "
    "compared, train each with several seeds (clip-audit train RECIPE --seed N) and look at the spread.",
    "Every epoch is audited on the same images. Points of one curve are dependent, and of twenty "
    "intervals one misses its target on average: a single point that leaves zero is no finding.",
    "To stop where a difference happens to be smallest is to choose by chance. Choose on validation images, "
    "then audit the chosen model once on others (clip-audit run).",
)
_WHEN: Final = (
    Column("step", "Step", fmt.integer, number=True),
    Column("epoch", "Epoch", "{:.2f}".format, number=True),
)
LOSS_COLUMNS: Final = (
    *_WHEN,
    Column("loss", "Loss", "{:.4f}".format, number=True),
    Column("learning_rate", "Learning rate", "{:.2e}".format, number=True),
    Column("logit_scale", "Logit scale", "{:.1f}".format, number=True),
    Column("images_per_second", "Images a second", "{:.0f}".format, number=True),
)
GAP_COLUMNS: Final = (
    Column(components.contrast, "Contrast"),
    *_WHEN,
    Column("difference", "Difference, points", fmt.points, number=True),
    Column(between("difference_low", "difference_high", fmt.points_interval), INTERVAL, number=True),
    Column("n_group", "n", fmt.integer, number=True),
    Column("n_reference", "n of reference", fmt.integer, number=True),
    ADJUSTED_P,
)


def _share(source: str, label: str) -> tuple[Column, Column, Column]:
    """Columns of a share: itself, its interval, its images."""
    return (
        Column(source, label, fmt.percent, number=True),
        Column(between("low", "high", fmt.percent_interval), INTERVAL, number=True),
        Column("n", "n", fmt.integer, number=True),
    )


@dataclass(frozen=True, kw_only=True)
class Disparity:
    """The gaps of one outcome of one probe: a figure for each attribute, and all numbers."""

    id: str
    title: str
    figures: Sequence[components.Figure]
    table: components.Table


def training_page(history: TrainingHistory) -> dict[str, Any]:
    """Return what the template of the page shows."""
    recipe, last = history.summary["recipe"], _last(history)
    return {
        "title": recipe["recipe"],
        "description": recipe["description"],
        "facts": _facts(history, last),
        "thinned": [_thinned(rule) for rule in history.summary["thinned"]],
        "cautions": CAUTIONS,
        "data_caution": data_caution(history.manifest) if history.manifest else "",
        "loss": _loss(history.log),
        "loss_table": _loss_table(history.log),
        "validation": _validation(history.measures),
        "validation_table": _validation_table(history.measures),
        "accuracy": _accuracy(history),
        "accuracy_table": _accuracy_table(history),
        "disparities": _disparities(history),
        "recipe": json.dumps(recipe, indent=2, ensure_ascii=False),
        "card": _card(history),
    }


def _last(history: TrainingHistory) -> Mapping[Any, Any] | None:
    return history.log.iloc[-1].to_dict() if len(history.log) else None


def _facts(history: TrainingHistory, last: Mapping[Any, Any] | None) -> list[tuple[str, str]]:
    summary, recipe = history.summary, history.summary["recipe"]
    done = fmt.integer(last["step"] if last else 0)
    facts = [
        (
            "Steps",
            f"{done} of {fmt.integer(recipe['steps'])}, {fmt.integer(recipe['batch_size'])} pairs each",
        ),
        ("Seed", str(summary["seed"])),
        ("Training images", fmt.integer(summary["rows"])),
    ]
    if last:
        facts.append(("Last", f"epoch {last['epoch']:.1f}, loss {last['loss']:.3f}"))
    if skipped := skipped_words(summary):
        facts.append(("Skipped", skipped))
    return facts


def _thinned(rule: Mapping[str, Any]) -> str:
    where = " and ".join(f"{fmt.words(name)} {' or '.join(values)}" for name, values in rule["where"].items())
    left_out, matched = fmt.integer(rule["left_out"]), fmt.integer(rule["matched"])
    return f"{where}: {left_out} of {matched} images left out"


def _loss(log: pd.DataFrame) -> components.Figure | None:
    if not len(log):
        return None
    svg = figures.loss_curve(log, name="fig-loss", title="Loss against the epoch")
    caption = (
        "Loss of the training batches: mean over neighbouring steps; nine tenths of them lie in the band."
    )
    return components.Figure(svg=svg, caption=caption, table="loss-t")


def _loss_table(log: pd.DataFrame) -> components.Table:
    # Evenly spaced over the run, first and last step included.
    places = sorted({round(i * (len(log) - 1) / (ROWS_OF_LOG - 1)) for i in range(ROWS_OF_LOG)})
    rows = log.iloc[places] if len(log) else log
    return table_of(rows, LOSS_COLUMNS, caption="Some steps of the log; all are in log.csv")


def with_intervals(measures: pd.DataFrame) -> pd.DataFrame:
    """Return measures with their Wilson 95 % intervals, low and high."""
    low, high = wilson((measures["value"] * measures["n"]).to_numpy(), measures["n"].to_numpy())
    return measures.assign(low=low, high=high)


def _validation(measures: pd.DataFrame) -> list[components.Figure]:
    if not len(measures):
        return []
    shown = with_intervals(measures)
    kind = shown["measure"].str.partition(", ")
    shown = shown.assign(kind=kind[0], rest=kind[2])
    wanted = [
        ("zero-shot accuracy", "rest", shown["kind"] == "zero-shot accuracy", "Zero-shot accuracy"),
        *(
            (direction, "kind", shown["kind"].str.startswith("recall@") & (shown["rest"] == direction), label)
            for direction, label in (
                ("image to text", "Recall of texts, by image"),
                ("text to image", "Recall of images, by text"),
            )
        ),
    ]
    return [
        components.Figure(
            svg=figures.measure_curves(
                shown[mask].assign(series=shown.loc[mask, series]),
                axis="% of queries" if "recall" in label.lower() else "accuracy, % of images",
                name=f"fig-validation-{components.slug(key)}",
                title=label,
            ),
            caption=f"{label} on the validation set; {INTERVALS}.",
            table="validation-t",
        )
        for key, series, mask, label in wanted
        if mask.any()
    ]


def _validation_table(measures: pd.DataFrame) -> components.Table:
    columns = (Column("measure", "Measure"), *_WHEN, *_share("value", "Value"))
    return table_of(with_intervals(measures), columns, caption="Validation, every evaluation")


def _titles(history: TrainingHistory) -> dict[str, str]:
    return {probe["name"]: probe["title"] for probe in history.manifest["probes"]} if history.manifest else {}


def _accuracy(history: TrainingHistory) -> components.Figure | None:
    if not len(history.accuracy):
        return None
    titles = _titles(history)
    rows = history.accuracy.assign(
        series=history.accuracy["probe"].map(titles), value=history.accuracy["rate"]
    )
    svg = figures.measure_curves(
        rows,
        axis="accuracy, % of images",
        name="fig-accuracy",
        title="Accuracy of the probes against the epoch",
    )
    caption = f"Accuracy of each probe over all its images, in the first specification; {INTERVALS}."
    return components.Figure(svg=svg, caption=caption, table="accuracy-t")


def _accuracy_table(history: TrainingHistory) -> components.Table:
    rows = history.accuracy.assign(title=history.accuracy["probe"].map(_titles(history)))
    columns = (Column("title", "Probe"), *_WHEN, *_share("rate", "Accuracy"))
    return table_of(rows, columns, caption="Accuracy, every audit")


def _disparities(history: TrainingHistory) -> list[Disparity]:
    if history.manifest is None:
        return []
    found = []
    for probe in history.manifest["probes"]:
        for outcome in probe["outcomes"]:
            own = history.gaps[
                (history.gaps["probe"] == probe["name"]) & (history.gaps["outcome"] == outcome["name"])
            ]
            if len(own):
                found.append(_disparity(own, probe=probe, outcome=outcome))
    return found


def _disparity(gaps: pd.DataFrame, *, probe: Mapping[str, Any], outcome: Mapping[str, Any]) -> Disparity:
    identity = components.slug("gap", probe["name"], outcome["name"])
    title = f"{probe['title']}: {fmt.words(outcome.get('title') or outcome['name'])}"
    drawings = []
    for by, part in gaps.groupby("by", sort=False):
        if not part["difference"].notna().any():
            continue
        rows = _in_order(part)
        references = rows["reference"].unique()
        to = f" from {fmt.words(references[0])}" if len(references) == 1 else ""
        rows = rows.assign(
            series=rows["group"] if to else rows["group"] + " against " + rows["reference"].map(fmt.words),
            value=rows["difference"], low=rows["difference_low"], high=rows["difference_high"],
        )  # fmt: skip
        svg = figures.measure_curves(
            rows, axis=f"difference{to}, points", zero=True,
            name=f"fig-{identity}-{components.slug(str(by))}", title=f"{title}, by {fmt.words(str(by))}",
        )  # fmt: skip
        caption = f"{title}, by {fmt.words(str(by))}: difference from the reference; {INTERVALS}."
        drawings.append(components.Figure(svg=svg, caption=caption, table=f"{identity}-t"))
    return Disparity(id=identity, title=title, figures=drawings, table=_gap_table(gaps, title=title))


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Groups in natural order; of two that are each other's reference the first, since both say the same."""
    groups = fmt.in_order(rows["group"])
    kept = groups[:1] if len(groups) == 2 and rows["reference"].nunique() == 2 else groups
    rank = {group: place for place, group in enumerate(kept)}
    rows = rows[rows["group"].isin(kept)]
    return rows.iloc[rows["group"].map(rank).argsort(kind="stable")]


def _gap_table(gaps: pd.DataFrame, *, title: str) -> components.Table:
    return table_of(gaps, GAP_COLUMNS, caption=f"{title}, every audit")


def _card(history: TrainingHistory) -> list[tuple[str, str]]:
    if history.manifest is None:
        return []
    model, suite, data = history.manifest["model"], history.manifest["suite"], history.manifest["data"]
    versions = ", ".join(
        f"{fmt.words(name)} {version}" for name, version in history.manifest["versions"].items()
    )
    return [
        ("Suite", f"{suite['title']} ({suite['name']}), SHA-256 {suite['sha256'][:12]}"),
        ("Data of the audits", f"{data['title']} ({data['name']}), version {data['version']}"),
        ("Model of the last audit", f"fingerprint {model['fingerprint'][:12]}"),
        ("Versions", versions),
    ]
