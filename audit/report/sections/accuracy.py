"""The section on accuracy: how often the highest-scoring word is the right one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from audit import figures
from audit import formatting as fmt
from audit.report import components

_NUMBERS: Final = components.number_columns("n", "Right", "Accuracy", "95 % interval", "Balanced")


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Accuracy of one probe: a drawing, a table, and the overall row in words."""

    id: str
    title: str
    figure: components.Drawing
    table: components.Table


def accuracy_section(accuracy: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]) -> list[Accuracy]:
    """Return one part for every probe that has a truth.

    The drawing shows the attributes of the images (split, design family) where a probe splits by one: who is
    misclassified is drawn with the outcomes.
    """
    return [_part(accuracy, probe=probe) for probe in probes if (accuracy["probe"] == probe["name"]).any()]


def _part(accuracy: pd.DataFrame, *, probe: Mapping[str, Any]) -> Accuracy:
    primary = components.primary_specification(accuracy, probe=probe)
    assert primary is not None, "the caller keeps probes with rows only"
    identity = components.slug("accuracy", probe["name"])
    title = f"Accuracy of {probe['title']}"
    of_images, of_people = (components.single_attributes(probe, of_people=people) for people in (False, True))
    svg = figures.rate_forest(
        components.of_specification(accuracy, primary), attributes=of_images or of_people,
        name=f"fig-{identity}", title=title, axis="accuracy, % of images",
    )  # fmt: skip
    caption = f"{title} ({components.asking(primary)}). The dashed line is the accuracy over all images."
    figure = components.Drawing(svg=svg, caption=caption, table=identity)
    return Accuracy(id=identity, title=probe["title"], figure=figure, table=_table(accuracy, probe=probe))


def overview(accuracy: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]) -> components.Table:
    """Return accuracy over all images: one row for every probe and way of asking."""
    names = components.attribute_columns({"probes": probes})
    overall = accuracy[(accuracy[names] == components.ALL).all(axis=1)]
    titles = {probe["name"]: probe["title"] for probe in probes}
    rows = [
        [titles[row["probe"]], components.asking(row), *_numbers(row)] for row in overall.to_dict("records")
    ]
    columns = [*components.text_columns("Probe", "Way of asking"), *_NUMBERS]
    return components.Table(caption="Accuracy over all images", columns=columns, rows=rows)


def _table(accuracy: pd.DataFrame, *, probe: Mapping[str, Any]) -> components.Table:
    own = accuracy[accuracy["probe"] == probe["name"]]
    names = components.attribute_columns({"probes": [probe]})
    rows = [
        [
            components.group_name(row, names),
            _by(row, names),
            components.asking(row),
            *_numbers(row),
            row["note"] or "",
        ]
        for row in own.to_dict("records")
    ]
    columns = [
        *components.text_columns("Group", "By", "Way of asking"),
        *_NUMBERS,
        *components.text_columns("Note"),
    ]
    return components.Table(caption=f"Accuracy of {probe['title']} by group", columns=columns, rows=rows)


def _numbers(row: Mapping[Any, Any]) -> list[str]:
    interval = fmt.percent_interval(row["low"], row["high"])
    counts = [fmt.integer(row["n"]), fmt.integer(row["count"])]
    return [*counts, fmt.percent(row["rate"]), interval, fmt.percent(row["balanced"])]


def _by(row: Mapping[Any, Any], names: Sequence[str]) -> str:
    return fmt.words(" x ".join(a for a in names if row[a] != components.ALL)) or fmt.MISSING


def overall_sentence(accuracy: pd.DataFrame, *, probe: Mapping[str, Any]) -> str | None:
    """Return a probe's accuracy over all images and by split, in words; None if it has no truth."""
    primary = components.primary_specification(accuracy, probe=probe)
    if primary is None:
        return None
    rows = components.of_specification(accuracy, primary)
    names = components.attribute_columns({"probes": [probe]})
    split_by = (rows[names] != components.ALL).sum(axis=1)
    overall = rows[split_by == 0].iloc[0]
    interval = fmt.percent_interval(overall["low"], overall["high"])
    sentence = f"{fmt.percent(overall['rate'])} ({interval}) of {fmt.integer(overall['n'])} images"
    if "split" in names:
        alone = rows[(split_by == 1) & (rows["split"] != components.ALL)].set_index("split")
        shares = [f"{fmt.words(s)} {fmt.percent(alone['rate'][s])}" for s in fmt.in_order(alone.index)]
        sentence += f": {', '.join(shares)}" if shares else ""
    return sentence + "."
