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
from audit.statistics.proportions import wilson
from audit.training.history import TrainingHistory, skipped_words

ROWS_OF_LOG: Final = 12
INTERVALS: Final = "95\N{NO-BREAK SPACE}% intervals"
CAUTIONS: Final = (
    "One run is one seed. The intervals cover the choice of validation images only: another seed of the same "
    "recipe takes another course, and may differ by more than they span. Before recipes or epochs are "
    "compared, train each with several seeds (clip-audit train RECIPE --seed N) and look at the spread.",
    "Every epoch asks again about the same images. Points of one curve hang together, and of twenty "
    "intervals one misses its target on average: a single point that leaves zero is no finding.",
    "To stop where a difference happens to be smallest is to choose by chance. Choose on validation images, "
    "then audit the chosen model once on others (clip-audit run).",
)


@dataclass(frozen=True, kw_only=True)
class Disparity:
    """The gaps of one outcome of one probe: a drawing for each attribute, and all numbers."""

    id: str
    title: str
    figures: Sequence[components.Drawing]
    table: components.Table


def training_page(history: TrainingHistory) -> dict[str, Any]:
    """Return what the template of the page shows."""
    recipe, last = history.account["recipe"], _last(history)
    return {
        "title": recipe["recipe"],
        "description": recipe["description"],
        "facts": _facts(history, last),
        "thinned": [_thinned(rule) for rule in history.account["thinned"]],
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
    account, recipe = history.account, history.account["recipe"]
    done = fmt.integer(last["step"] if last else 0)
    facts = [
        (
            "Steps",
            f"{done} of {fmt.integer(recipe['steps'])}, {fmt.integer(recipe['batch_size'])} pairs each",
        ),
        ("Seed", str(account["seed"])),
        ("Training pictures", fmt.integer(account["rows"])),
    ]
    if last:
        facts.append(("Last", f"epoch {last['epoch']:.1f}, loss {last['loss']:.3f}"))
    if skipped := skipped_words(account):
        facts.append(("Skipped", skipped))
    return facts


def _thinned(rule: Mapping[str, Any]) -> str:
    where = " and ".join(f"{fmt.words(name)} {' or '.join(values)}" for name, values in rule["where"].items())
    left_out, matched = fmt.integer(rule["left_out"]), fmt.integer(rule["matched"])
    return f"{where}: {left_out} of {matched} pictures left out"


def _loss(log: pd.DataFrame) -> components.Drawing | None:
    if not len(log):
        return None
    svg = figures.loss_curve(log, name="fig-loss", title="Loss against the epoch")
    caption = (
        "Loss of the training batches: mean over neighbouring steps; nine tenths of them lie in the band."
    )
    return components.Drawing(svg=svg, caption=caption, table="loss-t")


def _loss_table(log: pd.DataFrame) -> components.Table:
    places = sorted({round(i * (len(log) - 1) / (ROWS_OF_LOG - 1)) for i in range(ROWS_OF_LOG)})
    rows = [
        [fmt.integer(row["step"]), f"{row['epoch']:.2f}", f"{row['loss']:.4f}", f"{row['learning_rate']:.2e}",
         f"{row['logit_scale']:.1f}", f"{row['images_per_second']:.0f}"]
        for row in (log.iloc[places] if len(log) else log).to_dict("records")
    ]  # fmt: skip
    columns = components.number_columns(
        "Step", "Epoch", "Loss", "Learning rate", "Logit scale", "Images a second"
    )
    return components.Table(caption="Some steps of the log; all are in log.csv", columns=columns, rows=rows)


def with_intervals(measures: pd.DataFrame) -> pd.DataFrame:
    """Return measures with their Wilson 95 % intervals, low and high."""
    low, high = wilson((measures["value"] * measures["n"]).to_numpy(), measures["n"].to_numpy())
    return measures.assign(low=low, high=high)


def _validation(measures: pd.DataFrame) -> list[components.Drawing]:
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
        components.Drawing(
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
    rows = [
        [str(row["measure"]), fmt.integer(row["step"]), f"{row['epoch']:.2f}", fmt.percent(row["value"]),
         fmt.percent_interval(row["low"], row["high"]), fmt.integer(row["n"])]
        for row in with_intervals(measures).to_dict("records")
    ]  # fmt: skip
    columns = [
        *components.text_columns("Measure"),
        *components.number_columns("Step", "Epoch", "Value", "95 % interval", "n"),
    ]
    return components.Table(caption="Validation, every look", columns=columns, rows=rows)


def _titles(history: TrainingHistory) -> dict[str, str]:
    return {probe["name"]: probe["title"] for probe in history.manifest["probes"]} if history.manifest else {}


def _accuracy(history: TrainingHistory) -> components.Drawing | None:
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
    caption = f"Accuracy of each probe over all its images, by the first way of asking; {INTERVALS}."
    return components.Drawing(svg=svg, caption=caption, table="accuracy-t")


def _accuracy_table(history: TrainingHistory) -> components.Table:
    titles = _titles(history)
    rows = [
        [titles[row["probe"]], fmt.integer(row["step"]), f"{row['epoch']:.2f}", fmt.percent(row["rate"]),
         fmt.percent_interval(row["low"], row["high"]), fmt.integer(row["n"])]
        for row in history.accuracy.to_dict("records")
    ]  # fmt: skip
    columns = [
        *components.text_columns("Probe"),
        *components.number_columns("Step", "Epoch", "Accuracy", "95 % interval", "n"),
    ]
    return components.Table(caption="Accuracy, every audit", columns=columns, rows=rows)


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
        drawings.append(components.Drawing(svg=svg, caption=caption, table=f"{identity}-t"))
    return Disparity(id=identity, title=title, figures=drawings, table=_gap_table(gaps, title=title))


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Groups in natural order; of two that are each other's reference, one says it all."""
    groups = fmt.in_order(rows["group"])
    kept = groups[:1] if len(groups) == 2 and rows["reference"].nunique() == 2 else groups
    rank = {group: place for place, group in enumerate(kept)}
    rows = rows[rows["group"].isin(kept)]
    return rows.iloc[rows["group"].map(rank).argsort(kind="stable")]


def _gap_table(gaps: pd.DataFrame, *, title: str) -> components.Table:
    rows = [
        [components.contrast(row), fmt.integer(row["step"]), f"{row['epoch']:.2f}",
        fmt.points(row["difference"]),
         fmt.points_interval(row["difference_low"], row["difference_high"]), fmt.integer(row["n_group"]),
         fmt.integer(row["n_reference"]), fmt.p_value(row["p_adjusted"])]
        for row in gaps.to_dict("records")
    ]  # fmt: skip
    columns = [
        *components.text_columns("Contrast"),
        *components.number_columns(
            "Step", "Epoch", "Difference, points", "95 % interval", "n", "n of reference", "Adjusted p"
        ),
    ]
    return components.Table(caption=f"{title}, every audit", columns=columns, rows=rows)


def _card(history: TrainingHistory) -> list[tuple[str, str]]:
    if history.manifest is None:
        return []
    model, suite, data = (history.manifest[key] for key in ("model", "suite", "data"))
    versions = ", ".join(
        f"{fmt.words(name)} {version}" for name, version in history.manifest["versions"].items()
    )
    return [
        ("Suite", f"{suite['title']} ({suite['name']}), SHA-256 {suite['sha256'][:12]}"),
        ("Data of the audits", f"{data['title']} ({data['name']}), version {data['version']}"),
        ("Model of the last audit", f"fingerprint {model['fingerprint'][:12]}"),
        ("Versions", versions),
    ]
