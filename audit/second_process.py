"""A second core for one command: a job in a forked process, while this one does another.

The tables and the report of an audit are thousands of small steps in Python, which threads do one at a time.
A fork has everything in memory already, so that only the result is handed over. The results are the same as
in one process: nothing random is drawn without a seed of its own.

A process is forked only inside `second_process_allowed`, which the commands open: a library does not fork its
user's program. It is left out where a fork is not safe (any system but Linux, or another thread of Python
running) or of no use (one core), or if CLIP_AUDIT_PROCESSES is 1; the job is then done when its result is
asked for.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final, TypeVar

__all__ = ["VARIABLE", "beside", "second_process_allowed"]

T = TypeVar("T")
VARIABLE: Final = "CLIP_AUDIT_PROCESSES"
_allowed: ContextVar[bool] = ContextVar("second_process_allowed", default=False)
_Told = tuple[str, type[Warning], str, int]  # message, category, file and line of a warning


@contextmanager
def second_process_allowed() -> Iterator[None]:
    """Inside, `beside` may fork this process."""
    token = _allowed.set(True)
    try:
        yield
    finally:
        _allowed.reset(token)


@contextmanager
def beside(job: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Start a job in a second process, if one is of use, and give a function that returns its result.

    Parameters
    ----------
    job
        Must return something that can be pickled, and change nothing else. Its warnings are issued here. If
        it fails there, it is done again here, so that an error has its traceback. A job whose result nobody
        asks for is stopped.

    Examples
    --------
    >>> with beside(lambda: sum(range(10))) as later:
    ...     own = 1
    ...     total = own + later()
    >>> total
    46
    """
    child = _Child(job) if _is_of_use() else None
    try:
        yield job if child is None else lambda: child.result(job)
    finally:
        if child is not None:
            child.stop()


def _is_of_use() -> bool:
    if not _allowed.get() or sys.platform != "linux" or os.environ.get(VARIABLE) == "1":
        return False
    # A lock that another thread holds would stay locked in the fork.
    return threading.active_count() == 1 and len(os.sched_getaffinity(0)) > 1


class _Child:
    """A forked process that does one job and writes the result to a pipe."""

    def __init__(self, job: Callable[[], Any]) -> None:
        self.pipe, write_end = os.pipe()
        with warnings.catch_warnings():
            # From 3.12 on, Python warns of every thread of the process; those of the matrix libraries prepare
            # themselves for a fork, and the job starts none of others.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            os.close(self.pipe)
            _do(job, write_end)
        os.close(write_end)

    def result(self, job: Callable[[], T]) -> T:
        """What the job returned; done here if the process did not get to its end."""
        with os.fdopen(os.dup(self.pipe), "rb") as file:
            data = file.read()
        try:
            value, told = pickle.loads(data)
        except (EOFError, pickle.UnpicklingError):
            return job()
        for message, category, filename, line in told:
            warnings.warn_explicit(message, category, filename, line)
        found: T = value
        return found

    def stop(self) -> None:
        """Leave no process behind."""
        os.close(self.pipe)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _do(job: Callable[[], Any], write_end: int) -> None:
    """Do the job and leave the process, whatever happens, without what the parent does when it ends."""
    try:
        # Ctrl-C reaches both: the parent says so, and stops this one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _allowed.set(False)
        with warnings.catch_warnings(record=True) as caught:
            value = job()
        told: list[_Told] = [(str(one.message), one.category, one.filename, one.lineno) for one in caught]
        with os.fdopen(write_end, "wb") as file:
            pickle.dump((value, told), file, protocol=pickle.HIGHEST_PROTOCOL)
    finally:
        os._exit(0)  # whether the job was done shows in what the pipe holds
