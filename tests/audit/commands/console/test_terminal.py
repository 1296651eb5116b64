from __future__ import annotations

import io
import logging
import sys
import warnings

import pytest
from rich.console import Console

from audit.commands.console import terminal
from clipmodel.errors import UserError


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What standard error shows."""
    text = io.StringIO()
    monkeypatch.setattr(terminal, "ERR", Console(file=text, highlight=False, width=60))
    return text


def test_a_mistake_and_its_remedy_are_two_lines_whatever_they_hold(shown: io.StringIO) -> None:
    terminal.explain(UserError("a.csv, row 3: [red] " + "long " * 20, remedy="add [one]"))
    lines = shown.getvalue().splitlines()
    assert lines[0].startswith("Error: a.csv, row 3: [red] long") and lines[1] == "Remedy: add [one]"


def test_warnings_of_ours_are_a_line_and_others_are_as_before(shown: io.StringIO) -> None:
    seen: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *rest, **more: seen.append(str(message))  # type: ignore[assignment]
        with terminal.plain_warnings():
            warnings.warn("the page is large", UserWarning, stacklevel=1)
            warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert shown.getvalue() == "Warning: the page is large\n" and seen == ["old"]


def test_what_is_being_done_is_said_on_a_terminal_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal_or_pipe in (True, False):
        text = io.StringIO()
        console = Console(file=text, force_terminal=terminal_or_pipe, width=60, color_system=None)
        monkeypatch.setattr(terminal, "ERR", console)
        with terminal.working("computing intervals"):
            assert ("computing intervals ..." in text.getvalue()) == terminal_or_pipe
        assert text.getvalue().endswith("\x1b[2K") == terminal_or_pipe


def test_a_log_is_shown_while_asked_for(shown: io.StringIO) -> None:
    logger = logging.getLogger("clipmodel.test")
    with terminal.log_shown("clipmodel.test"):
        logger.info("skipped: %s", "[x]")
    logger.info("later")
    assert shown.getvalue() == "skipped: [x]\n" and not logger.handlers


def test_a_table_is_flush_right_but_for_words_and_nothing_without_rows() -> None:
    text = io.StringIO()
    console = Console(file=text, width=60, highlight=False)
    terminal.print_table(
        console, "Sizes [all]", ("group", "n"), [("dark", "5"), ("light", "1,200")], words=["group"]
    )
    assert text.getvalue().split("\n")[1:5] == [
        "Sizes [all]",
        "group      n",
        "dark       5",
        "light  1,200",
    ]
    before = text.getvalue()
    terminal.print_table(console, "Empty", ("n",), [])
    assert text.getvalue() == before


def test_a_pipe_has_a_width_and_replaces_signs_it_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    terminal.accept_any_sign()
    print("\N{MINUS SIGN}1", flush=True)
    assert raw.getvalue() == b"?1\n"
    assert terminal.out().width == terminal.PIPE_WIDTH and terminal.out(width=77).width == 77


def test_bars_are_silent_where_there_is_no_terminal(shown: io.StringIO) -> None:
    with terminal.progress_bars() as show:
        show("images", 1, 2)
        show("images", 2, 2)
    assert shown.getvalue().strip() == ""


def test_numbers_stay_on_one_line_where_words_can_give_way() -> None:
    interval = "+23.5 to +35.1"
    rows = [["a long name of a set that takes several lines", "55.5 %", interval]]
    console = Console(width=40, file=io.StringIO(), highlight=False)
    terminal.print_table(console, "Sets", ["Set", "Value", "95 % interval"], rows, words={"Set"})
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert interval in text and max(map(len, text.splitlines())) <= 40


def test_numbers_are_folded_where_even_words_of_a_dozen_letters_leave_no_room() -> None:
    rows = [["one name of a set", "1234567890 to 9876543210", "1234567890 to 9876543210"]]
    console = Console(width=40, file=io.StringIO(), highlight=False)
    terminal.print_table(console, "Sets", ["Set", "First", "Second"], rows, words={"Set"})
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= 40
    assert text.count("9876543210") == 2  # folded at the space, no digit lost


@pytest.mark.parametrize("width", range(20, 60))
def test_nothing_of_a_table_is_cut_off(width: int) -> None:
    rows = [["some words of a set", "12,345", "+1.0 to +2.0"], ["denigration", "7", "-3.0 to +4.0"]]
    console = Console(width=width, file=io.StringIO(), highlight=False)
    terminal.print_table(
        console, "T", ["set of images", "images", "95 % interval"], rows, words={"set of images"}
    )
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= width
    shown = "".join(text.split())
    for character in "denigration12,345":
        assert character in shown
    assert sum(map(str.isdigit, shown)) == 5 + 1 + 4 + 4 + 2  # every digit, those of 95 % too
