"""Jobs of two processes: the same results with and without the second one, whatever happens to it."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import pandas as pd
import pytest

from audit.second_process import VARIABLE, second_process_allowed, shared_jobs
from tests.audit.support.two_cores import needs_two_cores

pytestmark = needs_two_cores


def test_the_other_process_does_jobs_and_hands_over_their_results(allowed: None) -> None:
    table = pd.DataFrame({"word": pd.Series(["a", None], dtype="str"), "rate": [0.1, float("nan")]})
    with shared_jobs({"table": lambda: (os.getpid(), table.assign(rate=table["rate"] * 3))}) as results:
        time.sleep(0.5)  # time for the other process to take the only job
        pid, found = results()["table"]
    assert pid != os.getpid()
    pd.testing.assert_frame_equal(found, table.assign(rate=table["rate"] * 3))


def test_both_processes_work_at_once(allowed: None) -> None:
    read, write = os.pipe()
    parent = os.getpid()

    def job() -> str:
        if os.getpid() == parent:
            os.write(write, b"x")
            return "parent"
        os.read(read, 1)  # waits for what the other process writes
        return "child"

    with shared_jobs({"first": job, "second": job}) as results:
        time.sleep(0.2)
        assert set(results().values()) == {"parent", "child"}


def test_each_job_is_done_once_and_in_the_order_of_their_names(allowed: None) -> None:
    read, write = os.pipe()

    def job(number: int) -> int:
        os.write(write, b"x")
        return number * number

    jobs = {str(number): partial(job, number) for number in range(256)}
    with shared_jobs(jobs) as results:
        found = results()
    assert list(found.items()) == [(str(number), number * number) for number in range(256)]
    os.close(write)
    with os.fdopen(read, "rb") as file:
        assert len(file.read()) == 256


@pytest.mark.parametrize("why", ["not allowed", "told", "threads", "one core", "another system"])
def test_otherwise_all_is_done_here_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: 2 if why == "threads" else 1)
    if why == "told":
        monkeypatch.setenv(VARIABLE, "1")
    if why == "one core":
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    if why == "another system":
        monkeypatch.setattr("sys.platform", "darwin")
    jobs = {"one": os.getpid, "two": os.getpid}
    with nullcontext() if why == "not allowed" else second_process_allowed(), shared_jobs(jobs) as results:
        assert results() == {"one": os.getpid(), "two": os.getpid()}


def test_no_jobs_have_no_results(allowed: None) -> None:
    with shared_jobs({}) as results:
        assert results() == {}


def test_warnings_come_through(allowed: None) -> None:
    job = partial(warnings.warn, "a figure", UserWarning, stacklevel=1)
    with shared_jobs({"job": job}) as results, pytest.warns(UserWarning, match="a figure"):
        time.sleep(0.2)
        results()


@pytest.mark.parametrize("seconds", [0.0, 0.2], ids=["taken here", "taken there"])
def test_an_error_is_raised_here_with_its_traceback(allowed: None, seconds: float) -> None:
    def job() -> None:
        raise ValueError("in the job")

    jobs = {"good": os.getpid, "bad": job}
    with pytest.raises(ValueError, match="in the job") as raised, shared_jobs(jobs) as results:
        time.sleep(seconds)
        results()
    assert raised.traceback[-1].name == "job"


def test_a_process_that_ends_early_costs_time_only(allowed: None) -> None:
    parent = os.getpid()

    def job() -> int:
        if os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return 1

    with shared_jobs({"job": job, "other": os.getpid}) as results:
        time.sleep(0.2)
        assert results() == {"job": 1, "other": parent}


def test_one_result_that_cannot_be_handed_over_costs_no_other(allowed: None) -> None:
    parent = os.getpid()

    def job() -> tuple[int, object]:
        return os.getpid(), lambda: None

    with shared_jobs({"closure": job, "number": lambda: (os.getpid(), 1)}) as results:
        time.sleep(0.5)  # time for the other process to take both
        found = results()
    assert found["closure"][0] == parent
    assert found["number"][0] != parent


def doubled(given: pd.DataFrame) -> dict[str, Callable[[], tuple[int, int]]]:
    """A job for each number of a table: twice the number, and who did it."""

    def job(number: int) -> tuple[int, int]:
        time.sleep(0.01)
        return 2 * number, os.getpid()

    return {f"later {number}": partial(job, number) for number in given["number"].tolist()}


@pytest.mark.parametrize(("n", "in_memory"), [(0, True), (1, True), (300, True), (300, False)])
def test_later_jobs_are_made_of_what_was_worked_out_in_between(
    allowed: None, monkeypatch: pytest.MonkeyPatch, n: int, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    early: dict[str, Callable[[], tuple[int, int]]] = {"early": lambda: (-1, os.getpid())}
    with shared_jobs(early, later=doubled) as results:
        time.sleep(0.2)  # the other process has done the early one, and waits
        found = results(pd.DataFrame({"number": range(n)}))
    assert [value for value, _ in found.values()] == [-1, *range(0, 2 * n, 2)]
    if n > 1:
        assert len({pid for _, pid in found.values()}) == 2


def test_later_jobs_alone_and_without_a_second_process(
    allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = pd.DataFrame({"number": [1, 2]})
    with shared_jobs({}, later=doubled) as results:
        assert [value for value, _ in results(given).values()] == [2, 4]
    monkeypatch.setenv(VARIABLE, "1")
    with shared_jobs({}, later=doubled) as results:
        assert results(given) == {"later 1": (2, os.getpid()), "later 2": (4, os.getpid())}


def test_an_error_of_a_later_job_has_its_traceback(allowed: None) -> None:
    def later(number: int) -> dict[str, Callable[[], object]]:
        def bad() -> object:
            raise ValueError(f"of {number}")

        return {"bad": bad, "good": os.getpid}

    with pytest.raises(ValueError, match="of 7") as raised, shared_jobs({}, later=later) as results:
        results(7)
    assert raised.traceback[-1].name == "bad"


def test_an_error_beside_the_jobs_stops_them(allowed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    children, fork = [], os.fork
    monkeypatch.setattr(os, "fork", lambda: children.append(fork()) or children[-1])
    begun = time.monotonic()
    with pytest.raises(OSError, match="disk"), shared_jobs({"long": lambda: time.sleep(60)}):
        raise OSError("disk")
    assert time.monotonic() - begun < 10
    for child in children:
        with pytest.raises(ChildProcessError):  # it was waited for: nothing is left behind
            os.waitpid(child, os.WNOHANG)


def test_a_job_does_not_fork_again(allowed: None) -> None:
    def nested() -> tuple[int, int]:
        with shared_jobs({"inner": os.getpid}) as results:
            return os.getpid(), results()["inner"]

    with shared_jobs({"outer": nested}) as results:
        time.sleep(0.2)
        own, inner = results()["outer"]
    assert own == inner != os.getpid()
