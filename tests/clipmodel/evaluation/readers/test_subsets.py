from __future__ import annotations

from pathlib import Path

from clipmodel.evaluation.readers.evaluation_set import EvaluationSet
from clipmodel.evaluation.readers.open_set import open_set
from tests.clipmodel.evaluation.readers.conftest import png


def opened(spec: object, tmp_path: Path, **options: object) -> EvaluationSet:
    return open_set(str(spec), cache=tmp_path / "cache", **options)  # type: ignore[arg-type]


def labels(found: EvaluationSet) -> list[int]:
    assert found.truth is not None
    return found.truth.tolist()


def test_a_subset_keeps_imagenets_images_of_its_classes(tmp_path: Path) -> None:
    for c in range(1000):
        (tmp_path / f"n{c:08d}").mkdir()
        (tmp_path / f"n{c:08d}" / "1.png").write_bytes(png(c % 255))
    found = opened("imagenet1k-objectnet", tmp_path, root=tmp_path)
    assert len(found) == 125 and sorted(set(labels(found))) == list(range(113))
    adversarial = opened("imagenet1k-a", tmp_path, root=tmp_path)
    assert len(adversarial) == 200 and adversarial.images.ids[0] == "n00000006/1.png"
    assert adversarial.images.read_bytes(0) == png(6)
