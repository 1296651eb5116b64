"""`AuditResult.plot`: figures on axes of one's own, in the habits of pandas and seaborn.

Each method draws one probe and outcome in one specification on `ax` (a new figure by default), in percent,
and returns the axes. The figures of the report are in `audit.figures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from audit.formatting import in_order, words
from audit.tables.long_frames import long_frame
from audit.tables.primary import KEYS, of_specification, primary_specification, single_attributes
from clipmodel.errors import UserError
from clipmodel.yaml_models import closest

ROW_INCHES: Final = 0.28
SIGNIFICANT: Final = 0.05


@dataclass(frozen=True)
class Plots:
    """Figures of one audit.

    Attributes
    ----------
    manifest
        Of the audit.
    tables
        rates, gaps, curves and specifications, as in `AuditResult`.

    Examples
    --------
    In a notebook, after ``result = AuditResult.read("runs/quickstart")``::

        figure, (left, right) = plt.subplots(ncols=2, figsize=(9, 4))
        result.plot.rates("denigration", by="skin_tone", ax=left)
        result.plot.gaps("denigration", by="skin_tone", ax=right)
    """

    manifest: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]

    def rates(
        self, probe: str | None = None, outcome: str | None = None, *, by: str | None = None,
        ax: Axes | None = None, **specification: Any,
    ) -> Axes:  # fmt: skip
        """Draw the rate of each group with its 95 % interval; the dashed line is the rate of all images.

        Parameters
        ----------
        probe, outcome
            By default the first of the suite.
        by
            A grouping, such as "skin_tone" or "skin_tone x gender"; by default the probe's first of people.
        ax
            Axes to draw on.
        specification
            design, template, rule, threshold; by default those that the report tells first.

        Raises
        ------
        UserError
            The audit has no such probe, outcome, grouping or specification.
        """
        rows = self._rows("rates", probe, outcome, specification)
        by = self._grouping(rows, probe, by)
        whole, own = rows[rows["by"] == ""], _in_order(rows[rows["by"] == by])
        ax = _axes(ax, len(own))
        for rate in whole["rate"].head(1):
            ax.axvline(100 * rate, color="0.4", linestyle="--", linewidth=1)
        _intervals(ax, own, centre="rate", low="low", high="high")
        ax.set(xlabel=self._label(own, "% of the group's images"), xlim=(0, None))
        return ax

    def gaps(
        self, probe: str | None = None, outcome: str | None = None, *, by: str | None = None,
        ax: Axes | None = None, **specification: Any,
    ) -> Axes:  # fmt: skip
        """Draw the difference of each group from its reference, in percentage points, with its interval.

        A filled mark is a difference whose adjusted p is below .05. Parameters as for `rates`.
        """
        rows = self._rows("gaps", probe, outcome, specification)
        own = _in_order(rows[rows["by"] == self._grouping(rows, probe, by)])
        ax = _axes(ax, len(own))
        ax.axvline(0, color="0.2", linewidth=1)
        filled = (own["p_adjusted"] < SIGNIFICANT).to_numpy()
        _intervals(ax, own, centre="difference", low="difference_low", high="difference_high", filled=filled)
        references = own["reference"].unique()
        against = f" from {words(references[0])}" if len(references) == 1 else ""
        ax.set(xlabel=self._label(own, f"difference{against}, points"))
        return ax

    def thresholds(
        self, probe: str | None = None, outcome: str | None = None, *, by: str | None = None,
        ax: Axes | None = None, **specification: Any,
    ) -> Axes:  # fmt: skip
        """Draw the rate of each group against the threshold, in its simultaneous band where there is one.

        Parameters as for `rates`; rule defaults to the one that the curves were counted for.
        """
        rows = self._rows("curves", probe, outcome, specification, over="threshold")
        by = self._grouping(rows, probe, by)
        ax = _axes(ax, 12)
        for place, (group, own) in enumerate(_in_order(rows[rows["by"] == by]).groupby("group", sort=False)):
            own = own.sort_values("threshold")
            # A palette that readers with colour blindness tell apart; the dashes serve print in grey.
            colour = sns.color_palette("colorblind")[place % 10]
            ax.plot(own["threshold"], 100 * own["rate"], label=words(group), color=colour,
                    linestyle=("-", "--", ":", "-.")[place % 4])  # fmt: skip
            if {"band_low", "band_high"} <= set(own.columns):
                ax.fill_between(own["threshold"], 100 * own["band_low"].astype(float),
                                100 * own["band_high"].astype(float), color=colour, alpha=0.12)  # fmt: skip
        ax.set(xlabel="threshold", ylabel=self._label(rows, "% of the group's images"))
        ax.legend(title=words(by), frameon=False, fontsize="small")
        sns.despine(ax=ax)
        return ax

    def specifications(
        self, group: str, probe: str | None = None, outcome: str | None = None, *, ax: Axes | None = None
    ) -> Axes:  # fmt: skip
        """Draw one group's difference in every specification, sorted: the specification curve.

        Parameters
        ----------
        group
            As in `AuditResult.gaps`.
        probe, outcome, ax
            As for `rates`.
        """
        probe, outcome = self._named(probe, outcome)
        gaps = self.tables["gaps"]
        rows = gaps[(gaps["probe"] == probe) & (gaps["outcome"] == outcome)]
        _known(group, rows["group"].unique().tolist(), what="group")
        own = rows[(rows["group"] == group) & rows["difference"].notna()].sort_values("difference")
        ax = _axes(ax, 12)
        x = np.arange(len(own))
        ax.axhline(0, color="0.2", linewidth=1)
        ax.vlines(x, 100 * own["difference_low"], 100 * own["difference_high"], color="0.7", linewidth=1)
        colours = np.where(own["p_adjusted"] < SIGNIFICANT, "C0", "white")
        ax.scatter(x, 100 * own["difference"], c=colours.tolist(), edgecolors="C0", s=18, zorder=3)
        ax.set(xlabel=f"{len(own)} specifications, sorted", ylabel=f"difference of {words(group)}, points")
        sns.despine(ax=ax)
        return ax

    def _named(self, probe: str | None, outcome: str | None) -> tuple[str, str]:
        asked = [one for one in self.manifest["probes"] if one["outcomes"]]
        if not asked:
            raise UserError("no probe of the audit has outcomes", remedy="plot an audit that classifies")
        probe = probe or str(asked[0]["name"])
        _known(probe, [one["name"] for one in asked], what="probe")
        outcomes = [one["name"] for item in asked if item["name"] == probe for one in item["outcomes"]]
        outcome = outcome or str(outcomes[0])
        _known(outcome, outcomes, what="outcome")
        return probe, outcome

    def _rows(
        self, table: str, probe: str | None, outcome: str | None, specification: Mapping[str, Any],
        *, over: str | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        """The rows of one probe and outcome in one specification, in long form."""
        probe, outcome = self._named(probe, outcome)
        for key in specification:
            _known(key, KEYS[1:], what="part of a specification")
        frame = self.tables[table]
        own = frame[(frame["probe"] == probe) & (frame["outcome"] == outcome)]
        for key, value in specification.items():
            own = own[own[key].isna() if value is None else own[key] == value]
        record = next(one for one in self.manifest["probes"] if one["name"] == probe)
        primary = primary_specification(own, probe=record)
        if primary is None:
            raise UserError(
                f"the audit has no {table} of {probe}, {outcome} with {dict(specification) or 'any rule'}",
                remedy="see the columns design, template, rule and threshold of the table",
            )
        if over is not None:
            keys = [key for key in KEYS if key != over]
            own = own[(own[keys] == pd.Series(primary)[keys]).all(axis=1)]
        else:
            own = of_specification(own, primary)
        return long_frame(own)

    def _grouping(self, rows: pd.DataFrame, probe: str | None, by: str | None) -> str:
        known = [name for name in rows["by"].unique().tolist() if name]
        if by is not None:
            _known(by, known, what="grouping")
            return by
        name = rows["probe"].iloc[0] if len(rows) else probe
        record = next(one for one in self.manifest["probes"] if one["name"] == name)
        people = [one for one in single_attributes(record, self.manifest) if one in known]
        return (people or known)[0]

    def _label(self, rows: pd.DataFrame, unit: str) -> str:
        return f"{words(rows['outcome'].iloc[0])}: {unit}" if len(rows) else unit


def _known(word: str, known: list[str], *, what: str) -> None:
    if word not in known:
        raise UserError(f"the audit has no {what} {word!r}", remedy=closest(word, known))


def _axes(ax: Axes | None, rows: int) -> Axes:
    if ax is not None:
        return ax
    _, made = plt.subplots(figsize=(6, 1.1 + ROW_INCHES * max(3, rows)), layout="constrained")
    return made


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    rank = {group: place for place, group in enumerate(in_order(rows["group"]))}
    return rows.iloc[rows["group"].map(rank).argsort(kind="stable")]


def _intervals(
    ax: Axes, rows: pd.DataFrame, *, centre: str, low: str, high: str, filled: np.ndarray | None = None
) -> None:
    """Marks with intervals, the first group at the top, n behind each name."""
    y = np.arange(len(rows))[::-1]
    ax.hlines(y, 100 * rows[low].astype(float), 100 * rows[high].astype(float), color="C0", linewidth=1.6)
    faces = ["C0" if filled is None or one else "white" for one in (filled if filled is not None else y + 1)]
    ax.scatter(100 * rows[centre].astype(float), y, c=faces, edgecolors="C0", zorder=3)
    count = "n" if "n" in rows else "n_group"
    names = [words(g) + f"  (n {n:,})" for g, n in zip(rows["group"], rows[count], strict=True)]
    ax.set_yticks(y, names)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    sns.despine(ax=ax, left=True)
    ax.tick_params(axis="y", length=0)
