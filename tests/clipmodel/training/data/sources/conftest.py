from __future__ import annotations

from pathlib import Path

import pytest

from tests.clipmodel.training.support.made_shards import jpeg


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    for n in range(3):
        (tmp_path / f"{n}.jpg").write_bytes(jpeg(n))
    return tmp_path
