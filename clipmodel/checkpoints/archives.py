"""The check that an archive of weights declares no more than its file can hold, before it is unpacked.

`torch.save` and TorchScript store tensors uncompressed, so what an archive declares is about its size on the
disk. A small file that unpacks to gigabytes is an attack on the memory.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from clipmodel.errors import UserError, damage_told_by

# TorchScript compresses the source of its classes, text that shrinks by five; the rest is stored as it is.
MOST_EXPANSION, ALLOWANCE_BYTES = 4, 16 * 2**20
MAX_ENTRIES = 1_000_000
MAX_PICKLE_BYTES = 256 * 2**20  # names, shapes and strides: a million tensors
_REMEDY = "download the file again from where it was published"


def require_sane_archive(path: Path) -> None:
    """Check the directory of a zip archive; a file of another kind is passed over.

    Raises
    ------
    UserError
        The archive declares more than its file can hold, more entries than any model has, or its directory
        is damaged.
    """
    actual = path.stat().st_size
    try:
        if not zipfile.is_zipfile(path):
            return
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except Exception as error:  # zipfile raises more than BadZipFile on a damaged directory
        raise UserError(f"{path}: damaged archive ({damage_told_by(error)})", remedy=_REMEDY) from error
    if len(entries) > MAX_ENTRIES:
        raise UserError(f"{path}: an archive of {len(entries):,} files", remedy=_REMEDY)
    declared = sum(entry.file_size for entry in entries)
    if declared > MOST_EXPANSION * actual + ALLOWANCE_BYTES:
        raise UserError(
            f"{path}: {actual:,} bytes that unpack to {declared:,}, refused as an attack on the memory",
            remedy=_REMEDY,
        )
    # An index of names and shapes has no reason to be larger, and unpickling costs many times its size.
    for entry in entries:
        if entry.filename.endswith("data.pkl") and entry.file_size > MAX_PICKLE_BYTES:
            raise UserError(f"{path}: a pickle of {entry.file_size:,} bytes", remedy=_REMEDY)


def read_entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """One file of an archive, of which no more is unpacked than the directory declares.

    Raises
    ------
    KeyError
        There is no such file.
    zipfile.BadZipFile
        It holds more or fewer bytes than declared, or its checksum is wrong.
    """
    size = archive.getinfo(name).file_size
    with archive.open(name) as file:
        # One byte more than declared: enough to see that there is more, without unpacking it.
        content = file.read(size + 1)
    if len(content) != size:
        raise zipfile.BadZipFile(f"{name} is not as long as the directory says")
    return content
