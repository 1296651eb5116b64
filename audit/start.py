"""Where the console script begins, so that Ctrl-C ends it at any moment, without a traceback."""

from __future__ import annotations

# What `signal` is made of: `signal` itself imports `enum`, most of the time until Ctrl-C can be answered.
import _signal as signal  # type: ignore[import-not-found]
import os
import sys

TYPE_CHECKING = False  # not from `typing`, for the same reason
if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130
_PRESSED: list[int] = []  # a signal for each Ctrl-C


def main() -> None:
    """Load the command line and run it; Ctrl-C at any moment ends with one line and exit code 130."""
    # A program that was started to ignore Ctrl-C (nohup, a job in the background) goes on ignoring it.
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        signal.signal(signal.SIGINT, _end_at_once)
        sys.unraisablehook = _unraisable
    # Imported here: it takes a while, and Ctrl-C in that while would print a traceback.
    import gc

    gc.disable()  # modules are no garbage: to look for some while they load takes a tenth of the time
    from audit.cli import main as run

    gc.freeze()
    gc.enable()
    try:
        if listens:
            signal.signal(signal.SIGINT, _interrupt)
        run()
    except (KeyboardInterrupt, Exception) as error:
        # Compiled code may make another exception of it: comparing arrays, NumPy says TypeError.
        if not isinstance(error, KeyboardInterrupt) and not _PRESSED:
            raise
        sys.stderr.write("interrupted\n")
        raise SystemExit(INTERRUPTED) from None
    finally:
        gc.freeze()  # the system takes back all memory at once: Python need not look through it
        if listens:
            # What Python does at its end, such as joining threads, has a traceback of its own.
            signal.signal(signal.SIGINT, _end_at_once)


def _end_at_once(_number: int, _frame: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but not inside a module that is being imported: some swallow it and go on."""
    _PRESSED.append(number)
    inner = frame
    while inner is not None:
        if inner.f_code.co_filename.startswith("<frozen importlib"):
            _end_at_once(number, frame)
        inner = inner.f_back
    raise KeyboardInterrupt


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """End where Python would print that it ignores KeyboardInterrupt; report all else as it does."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        _end_at_once(0, None)
    sys.__unraisablehook__(unraisable)


if __name__ == "__main__":
    main()
