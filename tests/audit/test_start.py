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


# Ctrl-C comes when the command line is looked for, in a place that swallows every exception.
INTERRUPTED_WHILE_LOADING = (
    "import importlib.abc, os, signal, sys",
    "class Interrupting(importlib.abc.MetaPathFinder):",
    "    def find_spec(self, name, path, target=None):",
    "        if name == 'audit.cli':",
    "            try: os.kill(os.getpid(), signal.SIGINT)",
    "            except BaseException: pass",
    "sys.meta_path.insert(0, Interrupting())",
    "sys.argv[1:] = ['--version']",
    "from audit.start import main",
)


def test_an_interruption_while_the_program_loads_is_no_traceback() -> None:
    done = start(*INTERRUPTED_WHILE_LOADING, "main()")
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"interrupted\n")


def test_a_program_that_ignores_interruptions_goes_on() -> None:
    """A shell starts jobs in the background so, and so does nohup."""
    done = start(
        "import signal", "signal.signal(signal.SIGINT, signal.SIG_IGN)", *INTERRUPTED_WHILE_LOADING, "main()"
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"clip-audit ")


ENDINGS = {
    "while a command runs": ["def run(): os.kill(os.getpid(), signal.SIGINT)"],
    "where it becomes another exception": [
        "def run():",
        "    try: os.kill(os.getpid(), signal.SIGINT)",
        "    except KeyboardInterrupt: raise TypeError('cannot compare') from None",
    ],
    "while Python ends": ["def run(): atexit.register(os.kill, os.getpid(), signal.SIGINT)"],
    # A module that swallows every exception, as some do around what they need not have.
    "while a command imports": [
        "import importlib.abc",
        "class Swallowing(importlib.abc.MetaPathFinder):",
        "    def find_spec(self, name, path, target=None):",
        "        try: os.kill(os.getpid(), signal.SIGINT)",
        "        except BaseException: pass",
        "def run(): sys.meta_path.insert(0, Swallowing()); import wave; print('went on')",
    ],
    # Python ignores what a weak reference's callback raises, as compiled code does now and then.
    "where nothing can be raised": [
        "import weakref",
        "class Gone: pass",
        "def run():",
        "    gone = Gone(); kept = weakref.ref(gone, lambda _: os.kill(os.getpid(), signal.SIGINT))",
        "    del gone; print('went on')",
    ],
}


@pytest.mark.parametrize("moment", list(ENDINGS))
def test_a_later_interruption_is_no_traceback_either(moment: str) -> None:
    done = start(
        "import atexit, os, signal, sys, types", *ENDINGS[moment],
        "sys.modules['audit.cli'] = types.ModuleType('cli')", "sys.modules['audit.cli'].main = run",
        "from audit.start import main", "main()",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"interrupted\n")


def test_an_exception_without_an_interruption_keeps_its_traceback() -> None:
    done = start(
        "import sys, types", "def run(): raise TypeError('ours')",
        "sys.modules['audit.cli'] = types.ModuleType('cli')", "sys.modules['audit.cli'].main = run",
        "from audit.start import main", "main()",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.endswith(b"TypeError: ours\n")


def test_what_else_python_ignores_is_reported_as_ever() -> None:
    done = start(
        "import sys, types, weakref", "class Gone: pass",
        "def run():",
        "    gone = Gone(); kept = weakref.ref(gone, lambda _: 1 / 0)",
        "    del gone; print('went on')",
        "sys.modules['audit.cli'] = types.ModuleType('cli')", "sys.modules['audit.cli'].main = run",
        "from audit.start import main", "main()",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, b"went on\n")
    assert b"ZeroDivisionError" in done.stderr


def test_ctrl_c_is_answered_before_other_modules_are_imported() -> None:
    """What is imported first is part of Python's own start, so that little time is left for a traceback."""
    done = start(
        "import sys",
        "before = set(sys.modules)",
        "import audit.start",
        "print(*sorted(set(sys.modules) - before))",
    )
    assert done.stdout.split() == [b"audit", b"audit.start", b"clipmodel", b"clipmodel.lazy_names"], done


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


def test_nothing_is_looked_through_for_garbage_while_loading_or_at_the_end() -> None:
    done = start(
        "import gc, sys, types",
        "def run():",
        "    print(gc.isenabled(), gc.get_freeze_count() > 0)",
        "    kept.extend([[] for _ in range(1_000)])",
        "kept = []", "sys.modules['audit.cli'] = types.ModuleType('cli')",
        "sys.modules['audit.cli'].main = run", "from audit.start import main",
        "before = gc.get_freeze_count()", "main()", "print(gc.get_freeze_count() - before > 1_000)",
    )  # fmt: skip
    assert done.stdout.split() == [b"True", b"True", b"True"], done.stderr
