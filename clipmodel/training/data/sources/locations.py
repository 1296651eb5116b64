"""Names of data to bytes: local paths, http(s), what fsspec knows (s3, gs, ...), and `pipe:` commands.

Ranges such as `{0000..0041}` and lists such as `{train,extra}` are expanded, then globs. What a `pipe:`
command prints is the data; it is run by the shell, so a recipe with one is as trusted as a script.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, TypeVar

import fsspec

from clipmodel.errors import UserError

PIPE = "pipe:"
# What reading from a disk or a network can raise; damaged content raises more.
READ_ERRORS = (OSError, EOFError, HTTPException)
PAUSES_SECONDS = (0.5, 2.0, 8.0)  # before further attempts to open something remote
TIMEOUT_SECONDS = 60
# A list holds no "$": a `pipe:` command may contain the shell's own ${...}.
_BRACES = re.compile(r"\{(?:(\d+)\.\.(\d+)|([^{}\s$]*,[^{}\s$]*))\}")
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
ResultT = TypeVar("ResultT")


def is_remote(name: str) -> bool:
    return name.startswith(PIPE) or bool(_URL.match(name))


def expand_braces(name: str) -> list[str]:
    """`a{08..10}` gives a08, a09 and a10; `{a,b}c` gives ac and bc; several multiply."""
    match = _BRACES.search(name)
    if not match:
        return [name]
    first, last, words = match.groups()
    # As many digits as the first number has: {0000..0041}.
    values = words.split(",") if words else [f"{n:0{len(first)}d}" for n in range(int(first), int(last) + 1)]
    rest = expand_braces(name[match.end() :])
    return [name[: match.start()] + value + end for value in values for end in rest]


def expand(names: Sequence[str]) -> list[str]:
    """All files that names with braces and globs stand for, those of a glob in order.

    A file or folder that has the very name is meant, whatever signs are in it: run[1]/a.tar.

    Raises
    ------
    UserError
        A local file does not exist, or a glob or range holds nothing.
    """
    found = [
        file
        for name in names
        for plain in ([name] if _is_there(name) else expand_braces(name))
        for file in _globbed(plain)
    ]
    if not found:
        raise UserError(f"no training data in {', '.join(names)}", remedy="check data.source in the recipe")
    return found


def _globbed(name: str) -> list[str]:
    # Neither a command nor a web server can list files; their signs are their own.
    if name.startswith((PIPE, "http://", "https://")):
        return [name]
    if _is_there(name) or not any(sign in name for sign in "*?["):
        if not is_remote(name) and not Path(name).exists():
            raise UserError(f"no training data at {name}", remedy="check data.source in the recipe")
        return [name]
    with _explained(name, *READ_ERRORS):
        filesystem, path = fsspec.core.url_to_fs(name)
        matches = sorted(str(match) for match in filesystem.glob(path))
    if not matches:
        raise UserError(f"no training data matches {name}", remedy="check data.source in the recipe")
    return [filesystem.unstrip_protocol(match) if is_remote(name) else match for match in matches]


def _is_there(name: str) -> bool:
    try:
        return not is_remote(name) and Path(name).exists()
    except (OSError, ValueError):
        return False


def list_files(folder: str) -> list[str]:
    """Files in a folder and those below it, in order; links to folders are followed, each folder once."""
    if not is_remote(folder):
        with _explained(folder, *READ_ERRORS):
            return sorted(_local_files(folder))
    with _explained(folder, *READ_ERRORS):
        filesystem, path = fsspec.core.url_to_fs(folder)
        files = sorted(str(file) for file in filesystem.find(path))
    return [filesystem.unstrip_protocol(file) if is_remote(folder) else file for file in files]


def _local_files(folder: str) -> Iterator[str]:
    seen = set()
    # os.walk skips folders it cannot read unless it is given a function that raises.
    for place, folders, names in os.walk(folder, followlinks=True, onerror=_raise):
        real = os.path.realpath(place)
        if real in seen:  # a link that leads back, or a second one to the same folder
            folders.clear()
            continue
        seen.add(real)
        # os.walk visits folders in this order; file systems list them in any.
        folders.sort()
        yield from (str(Path(place, name)) for name in names if Path(place, name).is_file())


def _raise(error: OSError) -> None:
    raise error


@contextmanager
def _explained(name: str, *also: type[Exception]) -> Iterator[None]:
    """Around asking fsspec for something; a protocol it does not know is a ValueError."""
    expected: tuple[type[Exception], ...] = (ValueError, *also)
    try:
        yield
    except ImportError as error:
        raise UserError(f"{name}: {error}", remedy="install the package it names") from error
    except expected as error:
        raise UserError(f"{name}: {error}", remedy="check data.source in the recipe") from error


@contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """The bytes of a file from its first on; not every kind can seek.

    Opening something remote is tried again after `PAUSES_SECONDS`.

    Raises
    ------
    OSError, EOFError, HTTPException
        It cannot be read, or a command fails.
    UserError
        fsspec knows no such protocol, or lacks the package for it.
    """
    if name.startswith(PIPE):
        with _output_of(name.removeprefix(PIPE)) as output:
            yield output
    elif name.startswith(("http://", "https://")):
        with _persistent(lambda: urllib.request.urlopen(name, timeout=TIMEOUT_SECONDS)) as response:
            yield response
    elif is_remote(name):
        with _explained(name):
            file = _persistent(lambda: fsspec.open(name, "rb").open())
        with file:
            yield file
    else:
        with Path(name).open("rb") as file:
            yield file


@contextmanager
def opened_seekable(name: str) -> Iterator[IO[bytes]]:
    """As `opened`, read whole where the kind cannot seek."""
    with opened(name) as file:
        yield file if file.seekable() else io.BytesIO(file.read())


def read_bytes(name: str) -> bytes:
    """A whole file; raises as `opened`."""
    with opened(name) as file:
        return file.read()


def _persistent(attempt: Callable[[], ResultT]) -> ResultT:
    """Try, and try again after a pause, unless what is wanted is not there or not allowed."""
    for pause in PAUSES_SECONDS:
        try:
            return attempt()
        except (FileNotFoundError, PermissionError):
            raise
        except READ_ERRORS as error:
            # The server understood and refused (4xx): asking again gives the same answer.
            if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                raise
            time.sleep(pause)
    return attempt()


@contextmanager
def _output_of(command: str) -> Iterator[IO[bytes]]:
    # The shell runs it: users write pipelines here. The module's docstring warns of it.
    with subprocess.Popen(command, shell=True, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
            # One more byte: the reader may stop before the end of a good stream, and then the command is
            # not asked for its code.
            code: int | None = 0 if process.stdout.read(1) else process.wait()
        except Exception as error:
            # That the command failed explains more than the damage its broken output did.
            if code := _code_soon(process):
                raise OSError(f"the command ended with code {code}: {command}") from error
            raise
        finally:
            # A command whose output is no longer read would block on a full pipe for ever.
            process.kill()
        if code:
            raise OSError(f"the command ended with code {code}: {command}")


def _code_soon(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return None
