"""Image folders, captions, tables, Hugging Face sets and the public samples through one function."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clipmodel.evaluation.readers.evaluation_set import EvaluationSet
from clipmodel.evaluation.readers.open_set import open_set
from clipmodel.evaluation.registry.catalogue import load_entry
from tests.clipmodel.evaluation.readers.conftest import png

SHARED = Path(__file__).parents[5] / "shared" / "data"


def opened(spec: object, tmp_path: Path, **options: object) -> EvaluationSet:
    return open_set(str(spec), cache=tmp_path / "cache", **options)  # type: ignore[arg-type]


def labels(found: EvaluationSet) -> list[int]:
    assert found.truth is not None
    return found.truth.tolist()


def test_a_registry_set_is_found_below_the_root(tmp_path: Path) -> None:
    entry = load_entry("pcam")
    for names in entry.class_names or ():
        (tmp_path / "pcam" / "test" / names[0]).mkdir(parents=True)
        (tmp_path / "pcam" / "test" / names[0] / "1.png").write_bytes(png(1))
    found = opened("pcam", tmp_path, root=tmp_path)
    assert labels(found) == [0, 1] and found.templates == tuple(entry.templates or ())


def test_ones_own_yaml_names_its_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / "1.png").write_bytes(png(1))
    text = "name: own\ntitle: Own\nmetric: acc1\nroot: images\nclasses: [b, a]\ntemplates: ['one {}']\n"
    (tmp_path / "own.yaml").write_text(text)
    found = opened(tmp_path / "own.yaml", tmp_path)
    assert labels(found) == [0, 1] and found.classes == (("b",), ("a",)) and found.templates == ("one {}",)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the public samples are not here")
def test_the_public_samples(tmp_path: Path) -> None:
    flickr = opened(f"flickr8k:{SHARED / 'flickr8k'}", tmp_path)
    assert len(flickr) == 500 and len(flickr.captions) == 2500
    photos = opened(f"folder:{SHARED / 'imagenet100'}", tmp_path)
    assert (
        len(photos) == 100 and len(photos.classes) == 100 and np.array_equal(labels(photos), np.arange(100))
    )
