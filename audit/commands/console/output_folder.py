"""The folder of an audit, checked before the work starts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from audit.commands.console import terminal
from clipmodel.errors import UserError


def check_output_folder(folder: Path) -> None:
    """Refuse a folder that could not be written, or that holds something other than an audit.

    Raises
    ------
    UserError
        It, or what it would be in, is a file or cannot be written; or it holds files and no audit.json.
    """
    from audit.result_files import AUDIT_FILE

    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: a file, not a folder", remedy="choose another folder with --out")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / AUDIT_FILE).is_file():
        raise UserError(
            f"{folder}: holds files, but no {AUDIT_FILE}: it is not the folder of an audit",
            remedy="choose an empty or a new folder with --out",
        )
    # The audit is written beside the folder, then put in its place: both must be writable.
    for place in (folder, folder.absolute().parent):
        _try_to_write(folder, next(path for path in (place, *place.absolute().parents) if path.exists()))


def _try_to_write(folder: Path, place: Path) -> None:
    try:
        # Written for real: permission bits say nothing of full or read-only disks.
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        reason = "a file, not a folder" if place.is_file() else error.strerror
        raise UserError(
            f"{folder}: cannot be written ({place}: {reason})", remedy="choose another folder with --out"
        ) from error


@contextmanager
def kept_tables(folder: Path) -> Iterator[None]:
    """Around making a report after the tables are written: a failure then says that the tables are there."""
    try:
        yield
    except Exception:
        message = f"The report could not be made; audit.json and the tables are in {folder}"
        terminal.ERR.print(message, style="bold yellow", soft_wrap=True, markup=False)
        raise


def public(name: str) -> str:
    """A name of data, model or suite without the folders above it, for files that are passed on.

    Examples
    --------
    >>> public("table:/home/me/study/people.csv"), public("runs/tiny/model"), public("quickstart")
    ('table:people.csv', 'model', 'quickstart')
    """
    kind, colon, path = name.rpartition(":")
    # Names of hubs hold slashes that are no folders of this machine.
    if "://" in name or kind in ("hf", "open_clip"):
        return name
    return f"{kind}{colon}{PurePath(path).name or path}"
