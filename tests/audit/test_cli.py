"""The command line as a whole: help, version, exit codes, and what it does not import."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import audit.cli
from audit.cli import _of_the_system, app
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


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--out", "x" * 300],
        ["report", "x" * 300],
        ["compare", "x" * 300, "x" * 300],
        ["data", "check", f"table:{'x' * 300}.csv"],
        ["probe", "check", "x" * 300],
        ["embed", "emoji", "--out", "x" * 300],
        ["cache", "show", "--cache", "x" * 300],
    ],
)
def test_a_name_that_no_file_can_have_is_a_mistake_of_the_user(words: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, words, env={"COLUMNS": "400"})
    assert done.exit_code == 2, done.output
    assert "Remedy" in done.output and len(done.output) < 1200


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.ESTALE, errno.EROFS, errno.EACCES])
def test_what_the_disk_says_is_told_without_a_traceback(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), "/mnt/share/a.csv")

    monkeypatch.setattr("probes.datasets.load_dataset", broken)
    done = CliRunner().invoke(app, ["data", "check", "table:a.csv"], env={"COLUMNS": "400"})
    assert done.exit_code == 2
    assert f"/mnt/share/a.csv: {os.strerror(number)}" in done.output


def test_a_closed_pipe_is_not_taken_for_a_path() -> None:
    assert _of_the_system(BrokenPipeError(errno.EPIPE, "Broken pipe")) is None


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EBADF, errno.EEXIST, errno.ENOTEMPTY])
def test_what_no_disk_says_keeps_its_traceback(number: int) -> None:
    """An argument that is no file, a folder made twice: a mistake of the program's, not of its user."""
    assert _of_the_system(OSError(number, os.strerror(number), "/mnt/share/a.csv")) is None


def test_a_missing_part_of_the_installation_keeps_its_traceback() -> None:
    missing = Path(audit.cli.__file__).with_name("table.j2")
    assert _of_the_system(FileNotFoundError(errno.ENOENT, "No such file or directory", str(missing))) is None
    assert (
        _of_the_system(FileNotFoundError(errno.ENOENT, "No such file or directory", b"/a/\xff")) is not None
    )
