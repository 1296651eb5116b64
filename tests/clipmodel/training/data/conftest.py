from __future__ import annotations

import pytest

from tests.clipmodel.training.support.made_shards import numbered, write_tar


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three shards of 12, 9 and 16 images."""
    folder = tmp_path_factory.mktemp("shards")
    for number, (first, last) in enumerate([(0, 12), (12, 21), (21, 37)]):
        write_tar(folder / f"{number}.tar", numbered(range(first, last)))
    return f"{folder}/{{0..2}}.tar"
