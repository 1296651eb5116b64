"""A process that is prepared for one job: it does the job with what it imported, or nobody does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.prepared_process import prepared_process
from audit.second_process import VARIABLE, second_process_allowed, shared_jobs
from tests.audit.support.two_cores import needs_two_cores

ROOT = Path(__file__).parents[2]
pytestmark = needs_two_cores


def gone(pid: int) -> bool:
    """Whether a child was waited for, so that nothing of it is left."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def test_it_prepares_at_once_and_does_the_job_when_it_is_asked(allowed: None) -> None:
    read, write = os.pipe()

    def prepare() -> Callable[[bytes], tuple[int, bytes]]:
        prepared = str(os.getpid()).encode()
        os.write(write, prepared)
        return lambda task: (os.getpid(), prepared + task)

    with prepared_process(prepare) as do:
        pid = int(os.read(read, 20))  # written although nobody has asked yet
        assert pid != os.getpid()
        assert do(b"!" * 1_000_000) == (pid, str(pid).encode() + b"!" * 1_000_000)
    assert gone(pid)


def test_without_a_process_nobody_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare() -> Callable[[int], int]:
        raise AssertionError("prepared")

    with prepared_process(prepare) as do:  # not allowed
        assert do(1) is None
    monkeypatch.setenv(VARIABLE, "1")
    with second_process_allowed(), prepared_process(prepare) as do:
        assert do(1) is None


@pytest.mark.parametrize("moment", ["preparing", "working", "killed preparing", "killed working"])
def test_if_it_fails_nobody_did_it(allowed: None, moment: str, capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        if moment.startswith("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError("no")

    def prepare() -> Callable[[bytes], int]:
        if moment.endswith("preparing"):
            fail()
        return lambda task: fail() or len(task)

    with prepared_process(prepare) as do:
        assert do(b"x" * 1_000_000) is None
    assert capfd.readouterr() == ("", "")  # what went wrong is told by the one who does it instead


def test_its_warnings_come_through(allowed: None) -> None:
    def prepare() -> Callable[[str], None]:
        return lambda text: warnings.warn(text, UserWarning, stacklevel=1)

    with prepared_process(prepare) as do, pytest.warns(UserWarning, match="a figure"):
        do("a figure")


def test_it_may_have_a_second_process_itself(allowed: None) -> None:
    """The one that asked waits meanwhile, so its core is free."""

    def job(_: int) -> set[int]:
        with shared_jobs({name: lambda: time.sleep(0.2) or os.getpid() for name in "abcd"}) as results:
            return {*results().values(), os.getpid()}

    with prepared_process(lambda: job) as do:
        pids = do(1)
    assert pids is not None and len(pids) == 2 and os.getpid() not in pids


def test_an_error_here_ends_it(allowed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    children, fork = [], os.fork
    monkeypatch.setattr(os, "fork", lambda: children.append(fork()) or children[-1])
    begun = time.monotonic()

    def prepare() -> Callable[[int], None]:
        time.sleep(60)
        return print

    with pytest.raises(KeyboardInterrupt), prepared_process(prepare):
        raise KeyboardInterrupt
    assert time.monotonic() - begun < 10
    assert [gone(child) for child in children] == [True]


TREE = """
import os, signal, sys, time
from pathlib import Path
from audit.prepared_process import prepared_process
from audit.second_process import second_process_allowed

def job(folder):
    half = Path(folder, "half")
    try:
        half.write_text("written")
        time.sleep(60)
    finally:
        half.unlink()

with second_process_allowed(), prepared_process(lambda: job) as do:
    do(sys.argv[1])
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_what_ends_this_process_ends_that_one(tmp_path: Path, how: signal.Signals) -> None:
    """Ctrl-C lets it remove what it had half written; a kill leaves nobody time, and nobody writing."""
    process = subprocess.Popen(
        [sys.executable, "-c", TREE, str(tmp_path)], cwd=ROOT, stderr=subprocess.PIPE,
        env=os.environ | {VARIABLE: ""},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not (tmp_path / "half").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(how)
    # The pipe of errors is closed when nobody has it open: neither of the two is left.
    process.communicate(timeout=20)
    assert (tmp_path / "half").exists() == (how == signal.SIGKILL)
