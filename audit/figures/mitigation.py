"""The Pareto plot of mitigations: how wide the widest gap remains, against what it costs in accuracy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from audit.figures.layout import MARKERS, canvas
from audit.figures.svg import ROLES, to_svg
from audit.formatting import percent, points

ROWS = 15.0


def pareto(cost: pd.DataFrame, *, name: str, title: str) -> str:
    """Draw the widest gap that remains against the change of accuracy, one mark a method.

    Parameters
    ----------
    cost
        `audit.mitigation.mitigation_tables.cost_frame`. Methods without an accuracy are left out.
    name
        Prefix of the ids inside the figure.
    title
        The accessible title.
    """
    shown = cost[cost["utility_change"].notna() & cost["widest_gap_after"].notna()].reset_index(drop=True)
    with canvas(rows=ROWS + 0.6 * len(shown), left=["100 %"], above=6, below=40) as (figure, ax):
        ax.grid(axis="y", color=ROLES["grid"], linewidth=0.6)
        for place, row in enumerate(shown.to_dict("records")):
            control = row["method"] in ("none", "random")
            colour = ROLES["muted"] if control else ROLES["ink"]
            x, y = 100 * row["utility_change"], 100 * row["widest_gap_after"]
            ax.hlines(y, 100 * row["utility_low"], 100 * row["utility_high"], color=colour, linewidth=0.9)
            ax.plot(x, y, marker=MARKERS[place % len(MARKERS)], color=colour, markersize=5, linestyle="none",
                    markerfacecolor=colour if place < len(MARKERS) else "none",
                    label=str(row["method"]).replace("_", " "))  # fmt: skip
        ax.set_xlabel("change of accuracy, percentage points")
        ax.set_ylabel("widest gap that remains, points")
        ax.set_ylim(bottom=0)
        ax.legend(
            loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=3, handletextpad=0.3, columnspacing=1
        )
    return to_svg(figure, name=name, title=title, description=_described(shown))


def _described(shown: pd.DataFrame) -> str:
    return "; ".join(
        f"{row['method']}: gap {percent(row['widest_gap_after'])}, accuracy {points(row['utility_change'])}"
        for row in shown.to_dict("records")
        if not np.isnan(row["utility_change"])
    )
