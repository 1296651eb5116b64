"""Where the console script begins, so that Ctrl-C while the program loads ends it like any later one."""

from __future__ import annotations

# What `signal` is made of: `signal` itself imports `enum`, most of the time until Ctrl-C can be answered.
import _signal as signal  # type: ignore[import-not-found]
import os
import sys

INTERRUPTED = 130


def main() -> None:
    """Load the command line and run it; Ctrl-C at any moment ends with one line and exit code 130."""
    # A program that was started to ignore Ctrl-C (nohup, a job in the background) goes on ignoring it.
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        # An exception could be raised inside a module that is being imported, which may swallow it.
        signal.signal(signal.SIGINT, _end_at_once)
    # Imported here: it takes a while, and Ctrl-C in that while would print a traceback.
    from audit.cli import main as run

    try:
        if listens:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        raise SystemExit(INTERRUPTED) from None
    finally:
        if listens:
            # What Python does at its end, such as joining threads, has a traceback of its own.
            signal.signal(signal.SIGINT, _end_at_once)


def _end_at_once(_number: int, _frame: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
