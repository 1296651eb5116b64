"""The summary of a training run in the terminal: where it stands, and what was last measured."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.markup import escape

from audit import formatting as fmt
from audit.commands.console.terminal import print_table
from audit.training.history import TrainingHistory, skipped_words

GAPS_SHOWN = 8
ACCURACY_COLUMNS = ("probe", "epoch", "n", "accuracy", "95 % interval")
GAP_COLUMNS = ("probe", "outcome", "group", "against", "epoch", "difference", "95 % interval", "finding")
WORDS = {"measure", "probe", "outcome", "group", "against", "finding"}


def print_training_summary(history: TrainingHistory, console: Console) -> None:
    """Print steps and loss, the last validation, and accuracy and widest gaps of the last audit."""
    recipe = history.summary["recipe"]
    console.print(f"\n[bold]{escape(recipe['recipe'])}[/], seed {history.summary['seed']}", soft_wrap=True)
    if len(history.log):
        last = history.log.iloc[-1]
        done = f"{fmt.integer(last['step'])} of {fmt.integer(recipe['steps'])} steps"
        console.print(f"{done}, epoch {last['epoch']:.1f}, loss {last['loss']:.3f}", soft_wrap=True)
    if skipped := skipped_words(history.summary):
        console.print(f"Skipped: {skipped}", soft_wrap=True, markup=False, highlight=False)
    validated = _last(history.measures)
    print_table(
        console, "Validation", ("measure", "epoch", "n", "value"),
        [(row["measure"], f"{row['epoch']:.1f}", fmt.integer(row["n"]), fmt.percent(row["value"]))
         for row in validated.to_dict("records")],
        words=WORDS,
    )  # fmt: skip
    print_table(
        console, "Accuracy of the last audit", ACCURACY_COLUMNS,
        [(row["probe"], f"{row['epoch']:.1f}", fmt.integer(row["n"]), fmt.percent(row["rate"]),
          fmt.percent_interval(row["low"], row["high"]))
         for row in _last(history.accuracy).to_dict("records")],
        words=WORDS,
    )  # fmt: skip
    print_table(
        console, "Widest differences of the last audit, in percentage points", GAP_COLUMNS,
        [(row["probe"], fmt.words(row["outcome"]), f"{fmt.words(row['by'])} {fmt.words(row['group'])}",
          fmt.words(row["reference"]), f"{row['epoch']:.1f}", fmt.points(row["difference"]),
          fmt.points_interval(row["difference_low"], row["difference_high"]), "yes" if row["holds"] else "no")
         for row in _widest(_last(history.gaps)).to_dict("records")],
        words=WORDS,
    )  # fmt: skip
    if len(history.gaps):
        console.print("Caution: one run is one seed; the intervals do not cover another.", soft_wrap=True)


def _last(frame: pd.DataFrame) -> pd.DataFrame:
    last: pd.DataFrame = frame[frame["step"] == frame["step"].max()]
    return last


def _widest(gaps: pd.DataFrame) -> pd.DataFrame:
    size = gaps["difference"].astype(float).abs()
    return gaps.loc[size.nlargest(GAPS_SHOWN).index]
