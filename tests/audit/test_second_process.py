"""A job beside another one: the same result with and without a second process, whatever happens to it."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from functools import partial

import pandas as pd
import pytest

from audit.second_process import VARIABLE, beside, second_process_allowed

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs two cores of Linux",
)


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # pytest's own threads hold no lock here
    with second_process_allowed():
        yield


def test_the_job_runs_in_another_process_and_hands_over_its_result(allowed: None) -> None:
    table = pd.DataFrame({"word": pd.Series(["a", None], dtype="str"), "rate": [0.1, float("nan")]})
    with beside(lambda: (os.getpid(), table.assign(rate=table["rate"] * 3))) as later:
        pid, found = later()
    assert pid != os.getpid()
    pd.testing.assert_frame_equal(found, table.assign(rate=table["rate"] * 3))


def test_both_processes_work_at_once(allowed: None) -> None:
    read, write = os.pipe()

    def job() -> bytes:
        return os.read(read, 1)  # waits for what the other process writes

    with beside(job) as later:
        os.write(write, b"x")
        assert later() == b"x"


@pytest.mark.parametrize("why", ["not allowed", "told", "threads", "one core", "another system"])
def test_otherwise_the_job_is_done_here_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 2 if why == "threads" else 1)
    if why == "told":
        monkeypatch.setenv(VARIABLE, "1")
    if why == "one core":
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    if why == "another system":
        monkeypatch.setattr("sys.platform", "darwin")
    with beside(os.getpid) if why == "not allowed" else second_process_allowed(), beside(os.getpid) as later:
        assert later() == os.getpid()


def test_warnings_come_through(allowed: None) -> None:
    job = partial(warnings.warn, "a figure", UserWarning, stacklevel=1)
    with beside(job) as later, pytest.warns(UserWarning, match="a figure"):
        later()


def test_an_error_is_raised_here_with_its_traceback(allowed: None) -> None:
    def job() -> None:
        raise ValueError("in the job")

    with pytest.raises(ValueError, match="in the job") as raised, beside(job) as later:
        later()
    assert raised.traceback[-1].name == "job"


@pytest.mark.parametrize("result", ["killed", "not to be pickled"])
def test_a_process_that_ends_early_costs_time_only(allowed: None, result: str) -> None:
    parent = os.getpid()

    def job() -> object:
        if os.getpid() != parent and result == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        return len

    def closure() -> object:
        return lambda: None

    with beside(job if result == "killed" else closure) as later:
        assert callable(later())


def test_an_error_beside_it_stops_the_job(allowed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    children, fork = [], os.fork
    monkeypatch.setattr(os, "fork", lambda: children.append(fork()) or children[-1])
    begun = time.monotonic()
    with pytest.raises(OSError, match="disk"), beside(lambda: time.sleep(60)):
        raise OSError("disk")
    assert time.monotonic() - begun < 10
    for child in children:
        with pytest.raises(ChildProcessError):  # it was waited for: nothing is left behind
            os.waitpid(child, os.WNOHANG)


def test_a_job_does_not_fork_again(allowed: None) -> None:
    def nested() -> tuple[int, int]:
        with beside(os.getpid) as later:
            return os.getpid(), later()

    with beside(nested) as later:
        own, inner = later()
    assert own == inner
