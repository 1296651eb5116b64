"""Files of an audit: JSON with stable bytes, and a folder that is replaced as a whole or not at all."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from clipmodel.errors import UserError


def table_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON-able dictionaries; NaN becomes None."""
    columns = [table[name].tolist() for name in table.columns]
    names = [str(name) for name in table.columns]
    return [dict(zip(names, map(_null, values), strict=True)) for values in zip(*columns, strict=True)]


def dump(document: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> str:
    """One JSON object: the document's keys and the tables', sorted, each row of a table on a line of its own.

    `<` is written \\u003c, so that the text can stand inside a page.

    Raises
    ------
    ValueError
        The document holds NaN or an infinity.
    """
    texts = {name: _encode(value) for name, value in document.items()}
    texts |= {name: _lines(map(_encode, table_rows(table))) for name, table in tables.items()}
    body = ",\n".join(f"{_encode(name)}: {texts[name]}" for name in sorted(texts))
    return f"{{\n{body}\n}}\n"


def replace_folder(folder: Path, fill: Callable[[Path], None], *, owned: Callable[[str], bool]) -> None:
    """Fill a temporary sibling, then swap it in: an interruption leaves the earlier folder, or none.

    Parameters
    ----------
    folder
        The folder to replace or make.
    fill
        Writes the new content into the folder it is given.
    owned
        Tells by its name whether a file of the earlier folder may be dropped; all others are carried over.

    Raises
    ------
    UserError
        The folder cannot be written, or is a file.
    """
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: a file, not a folder", remedy="choose another output folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists() and not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied")
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        content = temporary / "new"
        content.mkdir()
        fill(content)
        _carry_over(folder, content, owned)
        _swap(content, folder, earlier=temporary / "earlier")
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    UserError
        The file cannot be read, is damaged, or holds no object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", remedy="check the path and its permissions") from error
    except ValueError as error:
        raise UserError(f"{path}: damaged, {error}", remedy="run the audit again") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object", remedy="run the audit again")
    return value


def _encode(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _lines(rows: Iterable[str]) -> str:
    joined = ",\n".join(rows)
    return f"[\n{joined}\n]" if joined else "[]"


def _null(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _carry_over(folder: Path, content: Path, owned: Callable[[str], bool]) -> None:
    for path in sorted(folder.iterdir()) if folder.exists() else ():
        if owned(path.name) or (content / path.name).exists():
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, content / path.name, symlinks=True)
        else:
            shutil.copy2(path, content / path.name, follow_symlinks=False)


def _swap(content: Path, folder: Path, *, earlier: Path) -> None:
    # mkdtemp makes folders that only their owner may enter; an audit is shared like any new folder.
    content.chmod(0o777 & ~_umask())
    if not folder.exists():
        content.rename(folder)
        return
    folder.rename(earlier)
    try:
        content.rename(folder)
    except BaseException:
        earlier.rename(folder)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(
        f"{folder}: cannot be written ({error.strerror or error})", remedy="choose another output folder"
    )
