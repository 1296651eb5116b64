"""A second process that imports what the end of a command needs while its beginning still runs here.

To import the tables and the report takes as long as to read stored embeddings and score them. So `clip-audit
run` forks a process first, which imports; this one asks the model and hands over the records; that one
concludes from them and writes the audit. Nothing is imported or computed twice.

As in `audit.second_process`, the process is left out if it is not allowed, not safe or of no use. If it fails
in any way, what it should have done is done here, where an error has its traceback.
"""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Generic, TypeVar

from audit.second_process import answer, forked, is_of_use, read_answer

__all__ = ["prepared_process"]

A = TypeVar("A")
T = TypeVar("T")
PATIENCE_SECONDS: Final = 5.0
"""For a process that was told to end, to remove what it had half written."""
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG of prctl(2)


@contextmanager
def prepared_process(prepare: Callable[[], Callable[[A], T]]) -> Iterator[Callable[[A], T | None]]:
    """Begin a process that prepares a job, if one is of use, and give a function that has the job done there.

    Parameters
    ----------
    prepare
        Imports what the job needs, and returns the job. What the job takes and returns must be picklable;
        it may write files, but not to the standard streams.

    Yields
    ------
    A function of what the job takes. It returns what the job returned, or None if nobody did it: there is no
    such process, or it failed; what it wrote so far may lie there. It can be called once.

    Examples
    --------
    >>> with prepared_process(lambda: len) as length_of:
    ...     length_of([1, 2]) in (2, None)
    True
    """
    if not is_of_use():
        yield lambda _: None
        return
    process: _Prepared[A, T] = _Prepared(prepare)
    try:
        yield process.do
    finally:
        process.stop()


class _Prepared(Generic[A, T]):
    def __init__(self, prepare: Callable[[], Callable[[A], T]]) -> None:
        task_end, self._tasks = os.pipe()
        self._answers, answer_end = os.pipe()
        parent, self._pid = os.getpid(), forked()
        if not self._pid:
            os.close(self._tasks)
            os.close(self._answers)
            _serve(prepare, task_end, answer_end, parent)
        os.close(task_end)
        os.close(answer_end)

    def do(self, task: A) -> T | None:
        tasks, self._tasks = self._tasks, -1
        try:
            with os.fdopen(tasks, "wb") as file:
                pickle.dump(task, file, protocol=pickle.HIGHEST_PROTOCOL)
        except BrokenPipeError:
            return None
        answers, self._answers = self._answers, -1
        found: T | None = read_answer(answers)
        return found

    def stop(self) -> None:
        """Leave no process behind, and let it remove what it had half written."""
        for pipe in (self._tasks, self._answers):
            if pipe >= 0:
                os.close(pipe)
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self._pid, signal.SIGTERM)
            end = time.monotonic() + PATIENCE_SECONDS
            while not os.waitpid(self._pid, os.WNOHANG)[0]:
                if time.monotonic() > end:
                    os.kill(self._pid, signal.SIGKILL)
                time.sleep(0.005)


def _serve(prepare: Callable[[], Callable[[Any], Any]], task_end: int, answer_end: int, parent: int) -> None:
    """Prepare, do one job, and leave the process, whatever happens."""
    with suppress(BaseException):  # the parent does it again, and says why
        # Ctrl-C reaches both: the parent says so, and stops this one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _die_with_parent(parent)
        job = prepare()
        with os.fdopen(task_end, "rb") as file:
            task = pickle.load(file)
        signal.signal(signal.SIGTERM, _end)
        answer(lambda: job(task), answer_end)
    os._exit(0)


def _end(_number: int, _frame: object) -> None:
    """Raise what Ctrl-C does, so that what is half written is removed; once."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _die_with_parent(parent: int) -> None:
    """Let the system end this process with its parent, which may be killed; it would write on otherwise."""
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed before the system was told
        os._exit(0)
