"""Files of a WebDataset home at a URL, each downloaded once into a cache folder."""

from __future__ import annotations

import hashlib
import shutil
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from clipmodel.atomic_files import replace_file
from clipmodel.errors import UserError

HUB = "https://huggingface.co/datasets/"
TIMEOUT_SECONDS = 60
NOT_FOUND = 404


def file_url(base: str, name: str) -> str:
    """The address of a file of a set.

    A data set of the Hugging Face hub is given as its page, with or without /tree/BRANCH; any other address
    is a folder.

    Examples
    --------
    >>> file_url("https://huggingface.co/datasets/clip-benchmark/wds_mnist", "test/0.tar")
    'https://huggingface.co/datasets/clip-benchmark/wds_mnist/resolve/main/test/0.tar'
    """
    base = base.rstrip("/")
    if base.startswith(HUB):
        repository, _, branch = base.partition("/tree/")
        return f"{repository}/resolve/{branch or 'main'}/{name}"
    return f"{base}/{name}"


@dataclass(frozen=True)
class RemoteFolder:
    """A set at a URL and the folder that keeps what was downloaded of it."""

    url: str
    cache: Path

    def __str__(self) -> str:
        return self.url

    @property
    def folder(self) -> Path:
        # The address as a hash: it holds characters that a file name cannot.
        return self.cache / "evaluation_sets" / hashlib.sha256(self.url.encode()).hexdigest()[:24]

    def file(self, name: str) -> Path:
        """A file, downloaded unless it is there.

        Raises
        ------
        UserError
            It cannot be had.
        """
        path = self.optional(name)
        if path is None:
            raise UserError(f"{file_url(self.url, name)}: not found", remedy="check the address and --split")
        return path

    def optional(self, name: str) -> Path | None:
        """As `file`, but None if the server says that there is no such file."""
        path = self.folder / name
        if path.is_file():
            return path
        address = file_url(self.url, name)
        # urlopen would also read file: and ftp: addresses, so a recipe could reach local files.
        if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
            raise UserError(f"{address}: not a http or https address", remedy="give a folder or a URL")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:
                replace_file(path, lambda file: shutil.copyfileobj(answer, file))
                # A server that closes early gives a short file without an error.
                self._check_length(path, answer.headers.get("Content-Length"), address)
        except urllib.error.HTTPError as error:
            if error.code == NOT_FOUND:
                return None
            raise UserError(f"{address}: {error.code} {error.reason}", remedy="try again later") from error
        except OSError as error:
            raise UserError(
                f"{address}: cannot be reached ({error})",
                remedy="connect, or give a local folder with wds:FOLDER or --root",
            ) from error
        return path

    @staticmethod
    def _check_length(path: Path, stated: str | None, address: str) -> None:
        if stated is not None and path.stat().st_size != int(stated):
            path.unlink()
            raise UserError(f"{address}: the download broke off", remedy="run the same command again")
