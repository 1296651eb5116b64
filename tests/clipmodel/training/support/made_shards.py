"""Small images and tar files for the tests of sources."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def jpeg(number: int, *, size: tuple[int, int] = (40, 32)) -> bytes:
    """A picture of one colour that tells its number."""
    pixels = np.full((size[1], size[0], 3), (number * 7 % 256, number * 31 % 256, number % 256), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def write_tar(path: Path, samples: Sequence[tuple[str, Mapping[str, bytes | str | dict]]]) -> Path:
    """Samples as key and content by kind; dicts are written as JSON."""
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as tar:
        for key, members in samples:
            for kind, value in members.items():
                text = json.dumps(value) if isinstance(value, dict) else value
                content = text.encode() if isinstance(text, str) else text
                info = tarfile.TarInfo(f"{key}.{kind}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def numbered(numbers: Sequence[int]) -> list[tuple[str, dict[str, bytes | str | dict]]]:
    return [(f"{n:04d}", {"jpg": jpeg(n), "txt": f"image number {n}"}) for n in numbers]
