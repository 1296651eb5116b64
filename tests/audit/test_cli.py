"""The command line as a whole: help, version, exit codes, and what it does not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit.cli import app
from clipmodel import __version__
from clipmodel.errors import UserError

ROOT = Path(__file__).parents[2]
COMMANDS = ["run", "train", "report", "gate", "compare", "model show", "data list", "data check"]
COMMANDS += ["embed", "plan", "cache show", "cache clear", "data forget"]
COMMANDS += ["probe new", "probe check", "probe show", "probe schema"]


def clip_audit(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "audit.cli", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_of_itself(command: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert f"clip-audit {command}" in result.stdout.partition("Example")[2]


def test_help_lists_all_commands() -> None:
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"})
    assert {command.split()[0] for command in COMMANDS} <= set(result.stdout.split())


def test_version() -> None:
    done = clip_audit("--version")
    assert (done.returncode, done.stdout) == (0, f"clip-audit {__version__}\n")


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, audit.cli; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"torch", "numpy", "pandas", "scipy", "matplotlib", "seaborn", "pydantic", "jinja2", "PIL"}
    assert set(done.stdout.split()) & heavy == set()


def test_what_an_audit_computes_with_needs_neither_scipy_stats_nor_seaborn() -> None:
    """Each takes a second to import, and the audit of most data calls neither."""
    modules = "audit.result, audit.report, probes.datasets, probes.measures.registry"
    code = f"import sys, {modules}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    slow = {"seaborn", "scipy.stats", "scipy.sparse", "scipy.io", "matplotlib.pyplot", "sklearn", "ftfy"}
    assert set(done.stdout.split()) & slow == set()


@pytest.mark.parametrize("words", [["rnu"], ["run", "--sede", "1"], ["train", "tiny", "--steps", "0"]])
def test_usage_errors_exit_with_2(words: list[str]) -> None:
    done = clip_audit(*words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def raising(error: BaseException) -> object:
    def load(*_: object, **__: object) -> None:
        raise error

    return load


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            UserError("a file is [missing]", remedy="write it"),
            2,
            "Error: a file is [missing]\nRemedy: write it\n",
        ),
        (UserError("no remedy is known"), 2, "Error: no remedy is known\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_mistakes_and_interruptions_have_a_message_and_a_code(
    error: BaseException, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clipmodel.loading.load_model", raising(error))
    result = CliRunner().invoke(app, ["model", "show"])
    assert (result.exit_code, result.stderr, result.stdout) == (code, said, "")


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    bug = ValueError("a bug")
    monkeypatch.setattr("clipmodel.loading.load_model", raising(bug))
    result = CliRunner().invoke(app, ["model", "show"])
    assert result.exception is bug
    assert result.exit_code == 1
