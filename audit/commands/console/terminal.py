"""What the commands share of the terminal: consoles, progress bars, tables, the form of an error."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.control import Control
from rich.markup import escape
from rich.segment import ControlType

from clipmodel.errors import UserError

PIPE_WIDTH = 80  # columns where the output is no terminal and nobody has said

ERR = Console(stderr=True, highlight=False)
Report = Callable[[str, int, int], None]  # what is being done, how many are done, how many in all


def accept_any_sign() -> None:
    """Let the standard streams replace signs that their encoding has not, instead of failing.

    A pipe on Windows is often cp1252, and LC_ALL=C is ASCII: an audit must not end for want of a minus sign.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def out(*, width: int | None = None) -> Console:
    """The console of standard output; `width` is that of a pipe."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else width or PIPE_WIDTH)


def explain(error: UserError) -> None:
    """Print a user's mistake and what to do about it, on standard error."""
    ERR.print(f"[bold red]Error:[/] {escape(error.message)}", soft_wrap=True)
    if error.remedy:
        ERR.print(f"[bold]Remedy:[/] {escape(error.remedy)}", soft_wrap=True)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say on a terminal what is being done, in a line that goes when it is done.

    Without a spinner: the thread that turns one would forbid a second process (`audit.second_process`).
    """
    if not ERR.is_terminal:
        yield
        return
    ERR.print(f"{what} ...", end="\r", style="dim", markup=False)
    try:
        yield
    finally:
        ERR.control(Control((ControlType.ERASE_IN_LINE, 2)))


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Warnings meant for a user as one line on standard error, without the line of code they came from."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_plainly(message: Warning | str, category: type[Warning], *place: Any, **rest: Any) -> None:
            if issubclass(category, UserWarning):
                ERR.print(f"[bold yellow]Warning:[/] {escape(str(message))}", soft_wrap=True)
            else:
                show(message, category, *place, **rest)

        warnings.showwarning = show_plainly
        yield


@contextmanager
def progress_bars() -> Iterator[Report]:
    """Progress on standard error, a bar for each thing that is done; nothing where it is no terminal."""
    if not ERR.is_terminal:
        yield lambda _what, _done, _total: None
        return
    # Here: to import it takes a third of what starting the program does.
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=ERR, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield show


class _ToTerminal(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        ERR.print(record.getMessage(), soft_wrap=True, markup=False)


@contextmanager
def log_shown(name: str) -> Iterator[None]:
    """What a part of the program logs, on standard error, above the progress bars."""
    logger, handler = logging.getLogger(name), _ToTerminal(logging.INFO)
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def print_table(
    console: Console,
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    words: Collection[str] = (),
) -> None:
    """Print a title and a table, or nothing if it has no rows; all columns but `words` are flush right."""
    from rich.table import Table

    listed = [list(row) for row in rows]
    least = _least_widths(columns, listed, words)
    # Two blanks between columns, one if there is no room for two. If columns do not fit even so, they are
    # folded wherever the terminal ends: nothing is cut off. rich counts the blanks of the last column too.
    gap = next((gap for gap in (2, 1) if sum(least) + gap * len(least) <= console.width), None)
    made = Table(header_style="", box=None, pad_edge=False, padding=(0, 1, 0, 0) if gap == 1 else (0, 1))
    for name, width in zip(columns, least, strict=True):
        made.add_column(
            escape(name), justify="left" if name in words else "right", overflow="fold",
            min_width=None if gap is None else width,
        )  # fmt: skip
    for row in listed:
        made.add_row(*map(escape, row))
    if made.row_count:
        # Not the table's own title, which would be folded to the width of the table.
        console.print(f"\n[bold]{escape(title)}[/]", soft_wrap=True)
        console.print(made)


def _least_widths(columns: Sequence[str], rows: Sequence[Sequence[str]], words: Collection[str]) -> list[int]:
    """What each column needs so that no number takes two lines and no word of a header or cell is broken."""
    widths = []
    for place, name in enumerate(columns):
        cells = [row[place] for row in rows]
        if name in words:
            longest = max((len(token) for cell in cells for token in cell.split()), default=0)
        else:
            longest = max(map(len, cells), default=0)
        widths.append(max(longest, *(len(token) for token in name.split()), 0))
    return widths
