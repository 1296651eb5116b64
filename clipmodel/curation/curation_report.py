"""What a selection did: counts of every query before and after, and of every shard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clipmodel.errors import UserError
from clipmodel.json_text import parse_json

SUMMARY_FILE, QUERIES_FILE, FIGURE_FILE = "curation.json", "queries.parquet", "counts.png"
COUNTS = {
    "contained_before": "contained, before",
    "contained_after": "contained, after",
    "assigned_after": "assigned, after",
}
QUANTILES = (0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class CurationReport:
    """Counts of a selection.

    Attributes
    ----------
    queries
        One row per query: query, source, contained_before (captions that contain it: all of them could be
        assigned to it), contained_after (kept captions that contain it), assigned_after (captions that were
        kept for it: what the cap holds for).
    summary
        JSON-able: rule, t, seed, the query list's size and SHA-256, totals, and each shard's rows,
        missing captions, matched and kept captions.
    """

    queries: pd.DataFrame
    summary: dict[str, Any]

    @property
    def totals(self) -> Mapping[str, int]:
        totals: Mapping[str, int] = self.summary["totals"]
        return totals

    def distribution(self) -> pd.DataFrame:
        """Sum, mean and quantiles of each count over the queries; row names as in `queries`."""
        counts = self.queries[list(COUNTS)]
        # "lower": counts are whole numbers, and their quantiles should be ones that occur.
        table = counts.quantile(list(QUANTILES), interpolation="lower").T
        table.columns = pd.Index([f"{quantile:.0%}" for quantile in QUANTILES])
        table.insert(0, "mean", counts.mean())
        table.insert(0, "queries with any", (counts > 0).sum())
        table.insert(0, "pairs", counts.sum())
        return table

    def most_frequent(self, n: int = 10) -> pd.DataFrame:
        """The queries that most captions contained, at most n."""
        return self.queries.sort_values(
            ["contained_before", "query"], ascending=[False, True], kind="stable"
        ).head(n)

    def write(self, folder: Path) -> None:
        """Write queries.parquet, counts.png and, last, curation.json."""
        self.queries.to_parquet(folder / QUERIES_FILE, index=False)
        self.plot(folder / FIGURE_FILE)
        text = json.dumps(self.summary, indent=2, sort_keys=True, ensure_ascii=False)
        (folder / SUMMARY_FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> CurationReport:
        """Read what `write` wrote.

        Raises
        ------
        UserError
            The folder holds no finished selection.
        """
        try:
            summary = parse_json((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
            return cls(pd.read_parquet(folder / QUERIES_FILE), summary)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{folder}: no selection of captions ({error})", remedy="run clip-audit curate select"
            ) from error

    def plot(self, path: Path) -> None:
        """How many queries have at least so many captions, before and after; both axes logarithmic."""
        # Loaded here: matching on many machines needs no figures.
        import seaborn as sns
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.5, 4.5), layout="constrained")
        # Not through pyplot, which would choose a window system and keep the figure in memory.
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        palette = dict(zip(COUNTS.values(), sns.color_palette("colorblind", len(COUNTS)), strict=True))
        steps = self.reached()
        # What is drawn later lies on top: where nothing was cut the three lines coincide.
        sns.lineplot(
            steps, x="captions", y="queries", hue="count", style="count", palette=palette,
            drawstyle="steps-pre", estimator=None, ax=axes,
        )  # fmt: skip
        axes.axvline(self.summary["t"], color="0.4", linestyle=":", label=f"t = {self.summary['t']:,}")
        axes.set(xscale="log", yscale="log", xlabel="captions", ylabel="queries with at least as many")
        axes.legend(title=None, frameon=False)
        sns.despine(ax=axes)
        # Without the name of the software the same counts give the same bytes in every version.
        figure.savefig(path, dpi=150, metadata={"Software": None})

    def reached(self) -> pd.DataFrame:
        """For each value of a count above 0, the number of queries that reach it."""
        parts = []
        for name, label in COUNTS.items():
            values, n = np.unique(self.queries[name].to_numpy(), return_counts=True)
            frame = pd.DataFrame({"captions": values, "queries": np.cumsum(n[::-1])[::-1], "count": label})
            parts.append(frame[frame["captions"] > 0])
        return pd.concat(parts, ignore_index=True)
