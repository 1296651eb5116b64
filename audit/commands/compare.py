"""`clip-audit compare`: audits of the same images, image by image; two, or a series of releases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from audit.commands.console import terminal
from audit.commands.gate import EXIT_CODES
from clipmodel.errors import UserError
from clipmodel.plurals import number_of

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from audit.comparison.compare import Comparison
    from audit.comparison.series import Series

EPILOG = (
    "Examples:  clip-audit compare runs/v1 runs/v2 --out runs/v1-v2 --margin 0.02  ·  "
    "clip-audit compare runs/v1 runs/v1 --designs default:with_child  ·  "
    "clip-audit compare runs/v1 runs/v2 runs/v3 --margin 0.02  ·  "
    "clip-audit compare runs/v1-seed0 runs/v1-seed1 --second runs/v2-seed0 --second runs/v2-seed1"
)
COLUMNS = ("what is asked, of whom", "n", "clusters", "first", "second", "change", "95 % interval", "adj. p")
RELEASE_COLUMNS = ("release", "model", "images", "verdict", "outcome", "group", "change", "limits")
RUN_COLUMNS = (
    "what is asked, of whom", "change", "with other images", "over all training runs", "another run of each",
    "effect",
)  # fmt: skip
GAP_COLUMNS = ("what is asked, of whom", "first", "second", "change", "95 % interval", "adj. p")
WHAT = {GAP_COLUMNS[0]}


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="FIRST SECOND...", help="Folders of audits, from the earliest to the latest."),
    ],
    *,
    designs: Annotated[
        str | None,
        typer.Option(
            metavar="FIRST:SECOND", help="Compare these class designs.", show_default="each with itself"
        ),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(min=0, max=1, help="By how much a rate may rise, such as 0.02.")
    ] = None,
    second: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN",
            help="A training run of a second model; may be repeated. The folders before are then runs of the "
            "first model.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for a page and tables.")] = None,
) -> None:
    """Compare two audits of the same images: paired changes by group, and of each difference between groups.

    More than two are releases of one model, each compared with the first; the gate then holds its error rate
    over all of them, and the last release decides. With --margin, exit code 0 for PASS, 1 for FAIL, 3 for
    INCONCLUSIVE. With --second, the folders are training runs of two models that differ in nothing but their
    seed, and each change has an interval for another training run; a gap is called narrower or wider by it,
    and is not judged if a model has one run alone.
    """
    from audit.comparison.compare import compare as compare_audits
    from audit.comparison.files import write_comparison
    from audit.result import AuditResult

    if second:
        _compare_runs(runs, second, other_options={"--designs": designs, "--margin": margin}, out=out)
        return
    if len(runs) < 2:
        raise UserError("one folder cannot be compared", remedy="give the folders of two audits or more")
    if len(runs) > 2:
        # Raises `typer.Exit` with the verdict's code.
        _compare_releases(runs, designs=designs, margin=margin, out=out)
    one, other = AuditResult.read(runs[0]), AuditResult.read(runs[1])
    comparison = compare_audits(one, other, designs=_pair(designs), margin=margin)
    console = terminal.out()
    print_changes(comparison, console)
    if out is not None:
        write_comparison(comparison, out, manifest=one.manifest)
        console.print(f"\nPage: {out / 'compare.html'}", soft_wrap=True, markup=False)
    # Without a margin there is no verdict, and the code is 0.
    raise typer.Exit(EXIT_CODES.get(comparison.verdict, 0))


def _compare_releases(
    runs: list[Path], *, designs: str | None, margin: float | None, out: Path | None
) -> NoReturn:
    from audit.comparison.files import write_series
    from audit.comparison.series import compare_series
    from audit.result import AuditResult

    if designs is not None:
        raise UserError("--designs compares two audits", remedy="give two folders, or leave --designs out")
    results = [AuditResult.read(run) for run in runs]
    series = compare_series(results, margin=margin)
    console = terminal.out()
    print_releases(series, console)
    if out is not None:
        write_series(series, out, manifest=results[0].manifest)
        console.print(f"\nPage of the last release: {out / 'compare.html'}", soft_wrap=True, markup=False)
    raise typer.Exit(EXIT_CODES.get(series.verdict, 0))


def _compare_runs(
    first: list[Path], second: list[Path], *, other_options: Mapping[str, object], out: Path | None
) -> None:
    from audit.comparison.files import write_run_changes
    from audit.comparison.run_changes import run_change_table
    from audit.result import AuditResult

    if named := [name for name, value in other_options.items() if value is not None]:
        raise UserError(f"{named[0]} compares two audits", remedy="leave it out, or leave --second out")
    sides = [[AuditResult.read(folder) for folder in side] for side in (first, second)]
    changes = run_change_table(*sides)
    console = terminal.out()
    print_run_changes(changes, console)
    if out is not None:
        write_run_changes(changes, out, first=sides[0], second=sides[1])
        console.print(f"\nPage: {out / 'compare.html'}", soft_wrap=True, markup=False)


def print_run_changes(changes: pd.DataFrame, console: Console) -> None:
    """Print the changes of rates and of differences over training runs, by one attribute at most."""
    from audit import formatting as fmt
    from audit.json_tables import table_rows
    from audit.report.components import contrast

    # Intersections would be most of the lines; the CSV file has them.
    shown = changes[~changes["by"].str.contains(" x ", regex=False)]
    for rows, title in (
        (shown[shown["reference"] == ""], "Rates"), (shown[shown["reference"] != ""], "Differences")
    ):  # fmt: skip
        cells = [
            (
                f"{fmt.words(row['probe'])}, {fmt.words(row['outcome'])}, "
                + (contrast(row) if row["reference"] else fmt.words(row["group"])),
                fmt.points(row["change"]), fmt.points_interval(row["images_low"], row["images_high"]),
                fmt.points_interval(row["mean_low"], row["mean_high"]),
                fmt.points_interval(row["run_low"], row["run_high"]), row["effect"],
            )
            for row in table_rows(rows)
        ]  # fmt: skip
        whole = f"{title}: change from the first model to the second, in percentage points"
        terminal.print_table(console, whole, RUN_COLUMNS, cells, words={RUN_COLUMNS[0], RUN_COLUMNS[-1]})


def print_releases(series: Series, console: Console) -> None:
    """Print a line per release: its verdict and the change that decided it, with limits for all releases."""
    from rich.markup import escape

    from audit import formatting as fmt
    from audit.commands.console.run_summary import VERDICT_STYLES
    from audit.json_tables import table_rows

    rows = [
        (
            str(row["release"]), row["model"], fmt.integer(row["matched"]), row["verdict"],
            fmt.words(row["outcome"]), fmt.words(row["group"]), fmt.points(row["change"]),
            fmt.points_interval(row["low"], row["high"]),
        )
        for row in table_rows(series.releases)
    ]  # fmt: skip
    title = "Each release against the first, in percentage points; limits hold for all releases at once"
    terminal.print_table(console, title, RELEASE_COLUMNS, rows, words={"model", "outcome", "group"})
    if sentence := str(series.releases["sentence"].iloc[-1]):
        console.print(escape(f"\n{sentence}"), soft_wrap=True)
    style = VERDICT_STYLES.get(series.verdict, "bold")
    console.print(f"Verdict on the last release: [{style}]{series.verdict}[/]")


def print_changes(comparison: Comparison, console: Console) -> None:
    """Print the verdict, then the widest changes that remain after correction: first what became worse."""
    from rich.markup import escape

    from audit import formatting as fmt
    from audit.json_tables import table_rows
    from audit.report.sections.changes import widest_changes

    about = comparison.about
    sides = [
        ", ".join(filter(None, (about[side]["model"], fmt.words(about[side]["design"]))))
        for side in ("first", "second")
    ]
    console.print(escape(f"\n{sides[0]} to {sides[1]}: {number_of(about['matched'], 'image')}"))
    _print_verdict(comparison, console)
    changed = widest_changes(comparison)
    for words, rows in (
        ("for the worse", changed[changed["change"] > 0]), ("for the better", changed[changed["change"] < 0])
    ):  # fmt: skip
        title = f"Widest changes {words} that remain after correction, in percentage points"
        terminal.print_table(console, title, COLUMNS, map(_change, table_rows(rows)), words=WHAT)
    if not len(changed):
        console.print("\nNo change remains after correction.")
    _print_gaps(comparison, console)


def _print_verdict(comparison: Comparison, console: Console) -> None:
    """The verdict, which change decided it, and what to do next."""
    from rich.markup import escape

    from audit.commands.console.run_summary import VERDICT_STYLES
    from audit.report.verdict_strip import verdict

    style = VERDICT_STYLES.get(comparison.verdict, "bold")
    console.print(f"\nVerdict: [{style}]{comparison.verdict}[/]")
    for line in (comparison.sentence, verdict(comparison.verdict).next_step):
        if line:
            console.print(escape(f"  {line}"), soft_wrap=True)


def _change(row: Mapping[str, Any]) -> tuple[str, ...]:
    from audit import formatting as fmt

    return (
        _what(row, fmt.words(row["group"])), fmt.integer(row["n"]),
        fmt.integer(row["clusters"]), fmt.percent(row["rate_first"]),
        fmt.percent(row["rate_second"]), fmt.points(row["change"]),
        fmt.points_interval(row["low"], row["high"]), fmt.p_value(row["p_adjusted"]),
    )  # fmt: skip


def _what(row: Mapping[str, Any], whom: str) -> str:
    from audit import formatting as fmt
    from audit.report.components import asking

    return f"{fmt.words(row['probe'])}, {fmt.words(row['outcome'])}, {whom} ({asking(row)})"


def _print_gaps(comparison: Comparison, console: Console) -> None:
    from audit import formatting as fmt
    from audit.json_tables import table_rows
    from audit.report.components import contrast
    from audit.report.sections.changes import widest_gap_changes

    rows = [
        (
            _what(row, contrast(row)), fmt.points(row["gap_first"]),
            fmt.points(row["gap_second"]), fmt.points(row["change"]),
            fmt.points_interval(row["low"], row["high"]), fmt.p_value(row["p_adjusted"]),
        )
        for row in table_rows(widest_gap_changes(comparison))
    ]  # fmt: skip
    title = "Differences between groups that changed, in percentage points"
    terminal.print_table(console, title, GAP_COLUMNS, rows, words=WHAT)
    if not rows:
        console.print("\nNo change of a difference between groups remains after correction.")


def _pair(designs: str | None) -> tuple[str, str] | None:
    if designs is None:
        return None
    first, colon, second = designs.partition(":")
    if not (first and colon and second):
        raise UserError(f"--designs {designs!r}", remedy="write FIRST:SECOND, such as default:with_child")
    return first, second
