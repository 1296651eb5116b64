"""Image folders, captions, tables, Hugging Face sets and the public samples through one function."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import EvaluationSet
from clipmodel.evaluation.readers.image_folder import match_folders
from clipmodel.evaluation.readers.open_set import open_set
from clipmodel.evaluation.registry.catalogue import load_entry
from tests.clipmodel.evaluation.readers.conftest import png

SHARED = Path(__file__).parents[5] / "shared" / "data"


def opened(spec: object, tmp_path: Path, **options: object) -> EvaluationSet:
    return open_set(str(spec), cache=tmp_path / "cache", **options)  # type: ignore[arg-type]


def labels(found: EvaluationSet) -> list[int]:
    assert found.truth is not None
    return found.truth.tolist()


def test_folders_are_classes(tmp_path: Path) -> None:
    for name in ("red_fox", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "1.PNG").write_bytes(png(1))
    found = opened(f"folder:{tmp_path / 'set'}", tmp_path)
    assert found.classes == (("dog",), ("red fox",)) and labels(found) == [0, 1]
    assert list(found.images.ids) == ["dog/1.PNG", "red_fox/1.PNG"]


def test_numbered_folders_sort_as_numbers() -> None:
    # As text 10 would come before 2: the mistake that ImageNet-V2 invites.
    classes = [(f"name {i}",) for i in range(11)]
    assert match_folders([str(i) for i in range(11)], classes, where="x") == [str(i) for i in range(11)]
    ids = [f"n0000000{i}" for i in (3, 1, 2)]
    assert match_folders(ids, [("a",), ("b",), ("c",)], where="x") == sorted(ids)


def test_folders_that_do_not_match_are_named() -> None:
    with pytest.raises(UserError, match="without a class: 'wolf'; classes without a folder: 'cat'"):
        match_folders(["dog", "wolf"], [("dog",), ("cat",)], where="x")
    # A name that two classes share cannot be matched by name.
    with pytest.raises(UserError, match="do not match"):
        match_folders(["missile", "tank"], [("missile",), ("missile",)], where="x")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set" / "dog").mkdir(parents=True)
    with pytest.raises(UserError, match="no images"):
        opened(f"folder:{tmp_path / 'set'}", tmp_path)
    with pytest.raises(UserError, match="there is no"):
        opened(f"folder:{tmp_path / 'none'}", tmp_path)


def test_a_registry_set_is_found_below_the_root(tmp_path: Path) -> None:
    entry = load_entry("pcam")
    for names in entry.class_names or ():
        (tmp_path / "pcam" / "test" / names[0]).mkdir(parents=True)
        (tmp_path / "pcam" / "test" / names[0] / "1.png").write_bytes(png(1))
    found = opened("pcam", tmp_path, root=tmp_path)
    assert labels(found) == [0, 1] and found.templates == tuple(entry.templates or ())


def test_a_subset_keeps_imagenets_images_of_its_classes(tmp_path: Path) -> None:
    for c in range(1000):
        (tmp_path / f"n{c:08d}").mkdir()
        (tmp_path / f"n{c:08d}" / "1.png").write_bytes(png(c % 255))
    found = opened("imagenet1k-objectnet", tmp_path, root=tmp_path)
    assert len(found) == 125 and sorted(set(labels(found))) == list(range(113))
    adversarial = opened("imagenet1k-a", tmp_path, root=tmp_path)
    assert len(adversarial) == 200 and adversarial.images.ids[0] == "n00000006/1.png"
    assert adversarial.images.read_bytes(0) == png(6)


def test_ones_own_yaml_names_its_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / "1.png").write_bytes(png(1))
    text = "name: own\ntitle: Own\nmetric: acc1\nroot: images\nclasses: [b, a]\ntemplates: ['one {}']\n"
    (tmp_path / "own.yaml").write_text(text)
    found = opened(tmp_path / "own.yaml", tmp_path)
    assert labels(found) == [0, 1] and found.classes == (("b",), ("a",)) and found.templates == ("one {}",)


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


def test_tables_and_sets_of_the_hub_library(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(png(1))
    (tmp_path / "t.csv").write_text("image,label,region\n1.png,dog,north\n1.png,cat,south\n")
    found = opened(f"table:{tmp_path / 't.csv'}", tmp_path)
    assert found.classes == (("cat",), ("dog",)) and labels(found) == [1, 0]
    assert found.images.read_bytes(0) == png(1)
    assert found.metadata is not None and found.metadata["region"].tolist() == ["north", "south"]
    pd.DataFrame({"image": [png(1), png(2)], "caption": [["a", "b"], ["c"]]}).to_parquet(
        tmp_path / "c.parquet"
    )
    assert opened(f"table:{tmp_path / 'c.parquet'}", tmp_path).captions == ("a", "b", "c")
    (tmp_path / "bad.csv").write_text("image,price\n1.png,2\n")
    with pytest.raises(UserError, match="neither labels nor captions"):
        opened(f"table:{tmp_path / 'bad.csv'}", tmp_path)
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["no_dog", "dog"])}
    )
    made = datasets.Dataset.from_dict(
        {"image": [{"bytes": png(1), "path": None}], "label": [1]}, features=features
    )
    made.save_to_disk(str(tmp_path / "saved"))
    hub = opened(f"hf:{tmp_path / 'saved'}", tmp_path)
    assert (
        hub.classes == (("no dog",), ("dog",)) and labels(hub) == [1] and hub.images.read_bytes(0) == png(1)
    )


def test_digits_are_always_there(tmp_path: Path) -> None:
    found, train = opened("digits", tmp_path), opened("digits", tmp_path, split="train")
    assert (len(found), len(train), len(found.classes)) == (797, 1000, 10)
    with pytest.raises(UserError, match="no split 'validation'"):
        opened("digits", tmp_path, split="validation")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the public samples are not here")
def test_the_public_samples(tmp_path: Path) -> None:
    flickr = opened(f"flickr8k:{SHARED / 'flickr8k'}", tmp_path)
    assert len(flickr) == 500 and len(flickr.captions) == 2500
    photos = opened(f"folder:{SHARED / 'imagenet100'}", tmp_path)
    assert (
        len(photos) == 100 and len(photos.classes) == 100 and np.array_equal(labels(photos), np.arange(100))
    )
