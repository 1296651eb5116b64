"""The section on accuracy: how often the highest-scoring word is the right one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from audit import figures
from audit import formatting as fmt
from audit.page import parts


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Accuracy of one probe: a drawing, a table, and the overall row in words."""

    id: str
    title: str
    figure: parts.Drawing
    table: parts.Table


def accuracy_section(accuracy: pd.DataFrame, *, probes: Sequence[Mapping[str, Any]]) -> list[Accuracy]:
    """Return one part for every probe that has a truth.

    The drawing shows the attributes of the pictures (split, design family) where a probe splits by one: who is
    misclassified is drawn with the outcomes.
    """
    return [_part(accuracy, probe=probe) for probe in probes if (accuracy["probe"] == probe["name"]).any()]


def _part(accuracy: pd.DataFrame, *, probe: Mapping[str, Any]) -> Accuracy:
    primary = parts.primary_specification(accuracy, probe=probe)
    assert primary is not None, "the caller keeps probes with rows only"
    identity = parts.slug("accuracy", probe["name"])
    title = f"Accuracy of {probe['title']}"
    attributes = parts.single_attributes(probe, of_people=False) or parts.single_attributes(probe, of_people=True)
    svg = figures.rate_forest(
        parts.of_specification(accuracy, primary), attributes=attributes, name=f"fig-{identity}", title=title,
        axis="accuracy, % of pictures",
    )  # fmt: skip
    caption = f"{title} ({parts.asking(primary)}). The dashed line is the accuracy over all pictures."
    figure = parts.Drawing(svg=svg, caption=caption, table=identity)
    return Accuracy(id=identity, title=probe["title"], figure=figure, table=_table(accuracy, probe=probe))


def _table(accuracy: pd.DataFrame, *, probe: Mapping[str, Any]) -> parts.Table:
    own = accuracy[accuracy["probe"] == probe["name"]]
    names = parts.attribute_columns({"probes": [probe]})
    rows = [
        (
            group, by, parts.asking(row), fmt.integer(row["n"]), fmt.integer(row["count"]), fmt.percent(row["rate"]),
            fmt.percent_interval(row["low"], row["high"]), fmt.percent(row["balanced"]), row["note"] or "",
        )
        for row in own.to_dict("records")
        for group, by in [(parts.group_name(row, names), _by(row, names))]
    ]  # fmt: skip
    columns = [
        *parts.text_columns("Group", "By", "Way of asking"),
        *parts.number_columns("n", "Right", "Accuracy", "95 % interval", "Balanced"),
        *parts.text_columns("Note"),
    ]
    return parts.Table(caption=f"Accuracy of {probe['title']} by group", columns=columns, rows=rows)


def _by(row: Mapping[str, Any], names: Sequence[str]) -> str:
    return fmt.words(" x ".join(a for a in names if row[a] != parts.ALL)) or fmt.MISSING


def overall_sentence(accuracy: pd.DataFrame, *, probe: Mapping[str, Any]) -> str | None:
    """Return a probe's accuracy over all pictures and by split, in words; None if it has no truth."""
    primary = parts.primary_specification(accuracy, probe=probe)
    if primary is None:
        return None
    rows = parts.of_specification(accuracy, primary)
    names = parts.attribute_columns({"probes": [probe]})
    split_by = (rows[names] != parts.ALL).sum(axis=1)
    overall = rows[split_by == 0].iloc[0]
    interval = fmt.percent_interval(overall["low"], overall["high"])
    sentence = f"{fmt.percent(overall['rate'])} ({interval}) of {fmt.integer(overall['n'])} pictures"
    if "split" in names:
        alone = rows[(split_by == 1) & (rows["split"] != parts.ALL)].set_index("split")
        shares = [f"{fmt.words(s)} {fmt.percent(alone['rate'][s])}" for s in fmt.in_order(alone.index)]
        sentence += f": {', '.join(shares)}" if shares else ""
    return sentence + "."
