"""Where the console script begins, so that Ctrl-C while the program loads ends it like any later one."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> None:
    """Load the command line and run it; Ctrl-C at any moment ends with one line and exit code 130."""
    try:
        # Imported within `try`: Ctrl-C while it loads would print a traceback.
        from audit.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        raise SystemExit(INTERRUPTED) from None


if __name__ == "__main__":
    main()
