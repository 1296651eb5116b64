"""A second core for one command: jobs that a forked process and this one share.

The tables and the report of an audit are thousands of small steps in Python, which threads do one at a time.
A fork has everything in memory already, so that only results are handed over. Each process takes the next job
that nobody took yet, so both end at about the same time, whatever the jobs are. The results are the same as
in one process: nothing random is drawn without a seed of its own.

A process is forked only inside `second_process_allowed`, which the commands open: a library does not fork its
user's program. It is left out where a fork is not safe (any system but Linux, or another thread of Python
running) or of no use (one core), or if CLIP_AUDIT_PROCESSES is 1; all jobs are then done here.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final, TypeVar

__all__ = [
    "VARIABLE", "answer", "forked", "is_of_use", "read_answer", "second_process_allowed", "shared_jobs",
]  # fmt: skip

T = TypeVar("T")
VARIABLE: Final = "CLIP_AUDIT_PROCESSES"
_allowed: ContextVar[bool] = ContextVar("second_process_allowed", default=False)
_WIDTH: Final = 2  # bytes of a number: all that is put at once fits into a pipe
_Later = Callable[[Any], Mapping[str, Callable[[], Any]]]
_Told = tuple[str, type[Warning], str, int]  # message, category, file and line of a warning


@contextmanager
def second_process_allowed() -> Iterator[None]:
    """Inside, `shared_jobs` may fork this process."""
    token = _allowed.set(True)
    try:
        yield
    finally:
        _allowed.reset(token)


@contextmanager
def shared_jobs(
    jobs: Mapping[str, Callable[[], T]],
    *,
    later: Callable[[Any], Mapping[str, Callable[[], T]]] | None = None,
) -> Iterator[Callable[..., dict[str, T]]]:
    """Begin some jobs in a second process, if one is of use, and give a function that returns their results.

    The time in between is for other work. The function does jobs itself until none is left; before the first
    result it has waited for all of them.

    Parameters
    ----------
    jobs
        By name, those that take longest first; at most 10,000. Each must return something that can be
        pickled, and change nothing else. Warnings are issued here. A job that fails in the second process is
        done again here, so that an error has its traceback. Without a call for the results, it is stopped.
    later
        Makes further jobs of what was worked out in between, which is given to the function of the results
        and handed over to the second process; it must make the same jobs there.

    Examples
    --------
    >>> with shared_jobs({"sum": lambda: sum(range(10)), "last": lambda: max(range(10))}) as results:
    ...     results()
    {'sum': 45, 'last': 9}
    >>> with shared_jobs({}, later=lambda n: {"double": lambda: 2 * n}) as results:
    ...     results(21)
    {'double': 42}
    """
    if not is_of_use() or (not jobs and later is None):
        yield lambda *given: {name: job() for name, job in {**jobs, **_made(later, *given)}.items()}
        return
    queue = _Queue()
    queue.put(len(jobs))
    if later is None:
        queue.close()
    child = _Child(list(jobs.values()), queue, later)

    def results(*given: Any) -> dict[str, T]:
        whole = {**jobs, **_made(later, *given)}
        if later is not None:
            queue.give(*given)
            queue.put(len(whole), begin=len(jobs))
            queue.close()
        names = list(whole)
        done: dict[str, T] = {names[number]: whole[names[number]]() for number in queue}
        done |= {names[number]: value for number, value in child.results().items()}
        return {name: done[name] if name in done else job() for name, job in whole.items()}

    try:
        yield results
    finally:
        child.stop()
        queue.end()


def _made(
    later: Callable[[Any], Mapping[str, Callable[[], T]]] | None, *given: Any
) -> Mapping[str, Callable[[], T]]:
    return {} if later is None else later(*given)


class _Queue:
    """The numbers of the jobs that nobody took yet: a pipe gives each of them to one reader.

    Iterating takes one after the other; it waits for more until all who put some have closed theirs.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._given = -1  # a file in memory with what the later jobs are made of

    def put(self, end: int, *, begin: int = 0) -> None:
        os.write(self._write, b"".join(number.to_bytes(_WIDTH, "big") for number in range(begin, end)))

    def give(self, value: Any) -> None:
        with os.fdopen(os.dup(self._given), "wb") as file:
            pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)

    def given(self) -> Any:
        # Not `read`: both processes have one place in the file.
        return pickle.loads(os.pread(self._given, os.fstat(self._given).st_size, 0))

    def share(self) -> None:
        """Before the fork, if something will be given."""
        if hasattr(os, "memfd_create"):
            self._given = os.memfd_create("given")
            return
        # Python built for an old C library, as some distributions do it, lacks the call.
        with tempfile.TemporaryFile() as file:
            self._given = os.dup(file.fileno())

    def __iter__(self) -> Iterator[int]:
        while number := os.read(self._read, _WIDTH):
            yield int.from_bytes(number, "big")

    def close(self) -> None:
        """Put no more."""
        if self._write >= 0:
            os.close(self._write)
            self._write = -1

    def end(self) -> None:
        self.close()
        os.close(self._read)
        if self._given >= 0:
            os.close(self._given)


def is_of_use() -> bool:
    """Whether a second process may be forked here, and has a core to run on."""
    if not _allowed.get() or sys.platform != "linux" or os.environ.get(VARIABLE) == "1":
        return False
    # A lock that another thread holds would stay locked in the fork.
    return threading.active_count() == 1 and len(os.sched_getaffinity(0)) > 1


def forked() -> int:
    """`os.fork`, without the warning of the threads of the matrix libraries."""
    with warnings.catch_warnings():
        # From 3.12 on, Python warns of every thread of the process; those of the matrix libraries prepare
        # themselves for a fork, and the jobs start none of others.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


class _Child:
    """A forked process that does jobs and writes their results to a pipe."""

    def __init__(self, jobs: Sequence[Callable[[], Any]], queue: _Queue, later: _Later | None) -> None:
        if later is not None:
            queue.share()
        self.pipe, write_end = os.pipe()
        self.pid = forked()
        if not self.pid:
            os.close(self.pipe)
            queue.close()
            _do(jobs, queue, later, write_end)
        os.close(write_end)

    def results(self) -> dict[int, Any]:
        """By the number of the job, without those that failed; none if the process did not get to its end."""
        found: dict[int, bytes] | None = read_answer(os.dup(self.pipe))
        return {number: pickle.loads(value) for number, value in (found or {}).items()}

    def stop(self) -> None:
        """Leave no process behind."""
        os.close(self.pipe)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _do(jobs: Sequence[Callable[[], Any]], queue: _Queue, later: _Later | None, write_end: int) -> None:
    """Do jobs and leave the process, whatever happens, without what the parent does when it ends."""
    try:
        # Ctrl-C reaches both: the parent says so, and stops this one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _allowed.set(False)

        def work() -> dict[int, bytes]:
            done: dict[int, bytes] = {}
            known = list(jobs)
            for number in queue:
                # A job that fails is done again by the parent, which then says why.
                with suppress(Exception):
                    if number >= len(known):
                        known += _made(later, queue.given()).values()
                    # One by one: a result that cannot be pickled must not cost those of other jobs.
                    done[number] = pickle.dumps(known[number](), protocol=pickle.HIGHEST_PROTOCOL)
            return done

        answer(work, write_end)
    finally:
        os._exit(0)  # what was done shows in what the pipe holds


def answer(work: Callable[[], Any], write_end: int) -> None:
    """Do some work, and write what it returns and the warnings that it issued to a pipe."""
    with warnings.catch_warnings(record=True) as caught:
        done = work()
    told: list[_Told] = [(str(one.message), one.category, one.filename, one.lineno) for one in caught]
    with os.fdopen(write_end, "wb") as file:
        pickle.dump((done, told), file, protocol=pickle.HIGHEST_PROTOCOL)


def read_answer(pipe: int) -> Any:
    """What `answer` wrote, whose warnings are issued here; None if it did not get to its end."""
    with os.fdopen(pipe, "rb") as file:
        data = file.read()
    try:
        done, told = pickle.loads(data)
    except (EOFError, pickle.UnpicklingError):
        return None
    for message, category, filename, line in told:
        warnings.warn_explicit(message, category, filename, line)
    return done
