"""The console script from its first line on: an interruption, and output of another encoding."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def start(*code: str, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=ROOT, capture_output=True, check=False, env=os.environ | {"PYTHONIOENCODING": encoding},
    )  # fmt: skip


def test_an_interruption_while_the_program_loads_is_no_traceback() -> None:
    """The import of the command line is interrupted, as Ctrl-C a moment after the start does."""
    done = start(
        "import sys, importlib.abc",
        "class Interrupting(importlib.abc.MetaPathFinder):",
        "    def find_spec(self, name, path, target=None):",
        "        if name == 'audit.cli': raise KeyboardInterrupt",
        "sys.meta_path.insert(0, Interrupting())",
        "from audit.start import main",
        "main()",
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"interrupted\n")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_signs_that_the_output_has_not_are_replaced(encoding: str) -> None:
    done = start(
        "from audit.commands.console import terminal",
        "terminal.accept_any_sign()",
        "terminal.out().print('95 \u2212 \u4e2d')",
        "terminal.ERR.print('\u2212')",
        encoding=encoding,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode(encoding) == "95 ? ?\n"
