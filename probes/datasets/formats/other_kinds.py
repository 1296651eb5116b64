"""Files of another kind than their name or place says: what they are, and what to do with them."""

from __future__ import annotations

from pathlib import Path

from clipmodel.errors import UserError

__all__ = ["foreign_content", "foreign_name"]

WRITE_AGAIN = "write the table as CSV (UTF-8) or parquet"
SPREADSHEET = "save the sheet as 'CSV UTF-8'"
UNPACK = "unpack it first"
_HEAD = 64  # bytes that tell a kind
_BY_CONTENT = (
    (b"version https://git-lfs.", "a pointer of Git LFS, not the file", "run git lfs pull"),
    (b"\x1f\x8b", "compressed by gzip", UNPACK),
    (b"BZh", "compressed by bzip2", UNPACK),
    (b"\xfd7zXZ", "compressed by xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", UNPACK),
    (b"PK\x03\x04", "a zip archive; spreadsheets (.xlsx, .ods) are such", f"unpack it, or {SPREADSHEET}"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet of an old kind (.xls)", SPREADSHEET),
    (b"PAR1", "a parquet file", "give it a name that ends in .parquet"),
    (b"ARROW1", "an Arrow (Feather) file", WRITE_AGAIN),
    (b"\x93NUMPY", "a single array of numpy (.npy)", "write named arrays with numpy.savez"),
    (b"\x80\x04\x95", "a pickle of Python", WRITE_AGAIN),
    (b"\x80\x05\x95", "a pickle of Python", WRITE_AGAIN),
    (b"%PDF", "a PDF document", WRITE_AGAIN),
    (b"\x89PNG", "an image", "give the table that names the images"),
    (b"\xff\xd8\xff", "an image", "give the table that names the images"),
    (b"SQLite format 3", "an SQLite database", WRITE_AGAIN),
)
_PAGES = (b"<!doctype html", b"<html")
_BY_NAME = {
    **dict.fromkeys((".xlsx", ".xls", ".ods", ".numbers"), ("a spreadsheet", SPREADSHEET)),
    **dict.fromkeys((".gz", ".bz2", ".xz", ".zst", ".zip", ".7z"), ("a compressed file", UNPACK)),
    **dict.fromkeys((".feather", ".arrow", ".ipc"), ("an Arrow (Feather) file", WRITE_AGAIN)),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), ("a JSON file", WRITE_AGAIN)),
    **dict.fromkeys((".pkl", ".pickle"), ("a pickle of Python, which could run code", WRITE_AGAIN)),
    **dict.fromkeys((".yaml", ".yml"), ("a YAML file", "name the table; a suite goes before --data")),
}


def foreign_content(file: Path, *, beyond: tuple[bytes, ...] = ()) -> UserError | None:
    """What a file is by its first bytes, if that is no text table; None if nothing is known of them.

    Parameters
    ----------
    file
        The file.
    beyond
        Beginnings that are right here, such as b"PK" where an archive is expected.
    """
    with file.open("rb") as opened:
        head = opened.read(_HEAD)
    for begin, what, remedy in _BY_CONTENT:
        if head.startswith(begin) and not begin.startswith(beyond or (b"\0",)):
            return UserError(f"{file}: {what}", remedy=remedy)
    if head.lstrip().lower().startswith(_PAGES):
        return UserError(
            f"{file}: a web page, not the file", remedy="download it again, signed in where that is needed"
        )
    return None


def foreign_name(file: Path, *, expected: str) -> UserError:
    """The refusal of a file by the ending of its name.

    Parameters
    ----------
    file
        The file.
    expected
        The endings that can be read, for the remedy.
    """
    what, remedy = _BY_NAME.get(file.suffix.lower(), ("", ""))
    if what:
        return UserError(f"{file}: {what}, not a table by its name", remedy=f"{remedy}; read are {expected}")
    return UserError(f"{file}: not a table by its name", remedy=f"use one of {expected}")
