from __future__ import annotations

import json
from pathlib import Path

import pytest

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet
from clipmodel.evaluation.readers.open_set import open_set
from tests.clipmodel.evaluation.readers.conftest import png


def opened(spec: object, tmp_path: Path, **options: object) -> EvaluationSet:
    return open_set(str(spec), cache=tmp_path / "cache", **options)  # type: ignore[arg-type]


def test_captions_in_four_formats(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / "images" / name).write_bytes(png(1))
    (tmp_path / "captions.txt").write_text(
        'image,caption\n1.jpg,"a dog, a ""big"" one"\n1.jpg,a dog\n2.jpg,a cat\n'
    )
    sentences = [{"raw": "a dog"}, {"raw": "the dog"}]
    images = [
        {"filename": "1.jpg", "split": "test", "sentences": sentences},
        {"filename": "2.jpg", "split": "train", "sentences": [{"raw": "a cat"}]},
    ]
    (tmp_path / "dataset_x.json").write_text(json.dumps({"images": images}))
    coco = {
        "images": [{"id": 7, "file_name": "1.jpg"}, {"id": 8, "file_name": "2.jpg"}],
        "annotations": [{"image_id": 8, "caption": "a cat "}, {"image_id": 7, "caption": "a dog"}],
    }
    (tmp_path / "captions_x.json").write_text(json.dumps(coco))
    (tmp_path / "captions.jsonl").write_text(
        json.dumps(
            {"image/key": "1", "image/locale": "sw", "sw": {"caption": ["mbwa"]}, "en": {"caption": ["dog"]}}
        )
    )
    flickr = opened(f"flickr8k:{tmp_path}", tmp_path)
    assert flickr.captions == ('a dog, a "big" one', "a dog", "a cat")
    assert flickr.pairs is not None and flickr.pairs.tolist() == [[0, 0], [0, 1], [1, 2]]
    assert opened(f"karpathy:{tmp_path / 'dataset_x.json'}", tmp_path).captions == ("a dog", "the dog")
    assert opened(f"coco:{tmp_path / 'captions_x.json'}", tmp_path).captions == ("a cat", "a dog")
    swahili = opened(f"xm3600:{tmp_path / 'captions.jsonl'}", tmp_path, language="sw")
    assert swahili.captions == ("mbwa",) and swahili.language == "sw"
    with pytest.raises(UserError, match="no caption in 'fr'"):
        opened(f"xm3600:{tmp_path / 'captions.jsonl'}", tmp_path, language="fr")
    (tmp_path / "images" / "2.jpg").unlink()
    with pytest.raises(UserError, match=r"captions for 1 of 2 images that are not in .*such as 2\.jpg"):
        opened(f"flickr8k:{tmp_path}", tmp_path)
