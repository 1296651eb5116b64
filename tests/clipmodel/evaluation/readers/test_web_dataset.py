"""WebDataset homes: what a folder that webdataset wrote is read as, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.open_set import open_set
from tests.clipmodel.evaluation.readers.conftest import Home, png
from tests.support.peers import peer_or_skip

NAMES = "very nearby\nnear\n\ndistant\n"
TEMPLATES = "a photo of {c}.\n{c} shapes.\n"
TEMPLATES_FILE = "zeroshot_classification_templates.txt"
TEXTS = {"classnames.txt": NAMES, TEMPLATES_FILE: TEMPLATES}
SAMPLES = [{"png": png(10 * label), "cls": label} for label in (0, 1, 2, 3, 2)]


def test_a_blank_line_is_a_class(make_home: Home, tmp_path: Path) -> None:
    opened = open_set(f"wds:{make_home(SAMPLES, TEXTS)}", cache=tmp_path)
    assert [names[0] for names in opened.classes] == ["very nearby", "near", "", "distant"]
    assert opened.templates == ("a photo of {}.", "{} shapes.")
    assert opened.truth is not None and opened.truth.tolist() == [0, 1, 2, 3, 2]
    assert [opened.images.read_bytes(row) for row in range(5)] == [sample["png"] for sample in SAMPLES]
    assert len(set(opened.images.ids)) == 5


def test_clip_benchmark_reads_the_same_labels(
    make_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Imported by it for other sets; the package does not install it.
    monkeypatch.setitem(sys.modules, "requests", ModuleType("requests"))
    builder = peer_or_skip("clip_benchmark.datasets.builder")
    root = make_home(SAMPLES, TEXTS)
    theirs = builder.build_wds_dataset("own", transform=lambda image: 0, split="test", data_dir=str(root))
    opened = open_set(f"wds:{root}", cache=tmp_path)
    assert theirs.classes == [names[0] for names in opened.classes]
    assert [template.replace("{c}", "{}") for template in theirs.templates] == list(opened.templates)
    labels = [int(label) for _, label in theirs]
    assert opened.truth is not None and labels == opened.truth.tolist()


def test_several_labels_and_captions(make_home: Home, tmp_path: Path) -> None:
    many = [{"png": png(1), "npy": np.array([1, 0, 1])}, {"png": png(2), "npy": np.array([0, 1, 0])}]
    texts = {**TEXTS, "classnames.txt": "a\nb\nc\n", "dataset_type.txt": "Multilabel\n"}
    opened = open_set(f"wds:{make_home(many, texts)}", cache=tmp_path)
    assert opened.multilabel is not None and opened.multilabel.tolist() == [
        [True, False, True],
        [False, True, False],
    ]
    said = [{"png": png(1), "txt": "a dog\nthe dog"}, {"png": png(2), "txt": "a cat"}]
    home = make_home(said, {"dataset_type.txt": "retrieval"}, name="captions")
    captioned = open_set(f"wds:{home}", cache=tmp_path)
    assert captioned.captions == ("a dog", "the dog", "a cat")
    assert captioned.pairs is not None and captioned.pairs.tolist() == [[0, 0], [0, 1], [1, 2]]


def test_metadata_rows_are_named_by_the_registry(make_home: Home, tmp_path: Path) -> None:
    samples = [
        {"png": png(1), "cls": 0, "npy": np.array([3, 7])},
        {"png": png(2), "cls": 1, "npy": np.array([1, 2])},
    ]
    home = make_home(samples, {**TEXTS, "classnames.txt": "a\nb"}, name="wds_fairness-geode_test")
    opened = open_set(f"wds:{home}", cache=tmp_path)
    assert opened.name == "geode" and opened.metadata is not None
    assert opened.metadata.to_dict("list") == {"region": [3, 1], "country": [7, 2]}
    short = [{"png": png(1), "cls": 0, "npy": np.array([3])}]
    other = make_home(short, {**TEXTS, "classnames.txt": "a\nb"}, name="x/wds_fairness-geode_test")
    with pytest.raises(UserError, match=r"sample s0000000: 1 values of metadata, expected region, country"):
        open_set(f"wds:{other}", cache=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda root: (root / "test/nshards.txt").unlink(), "nshards.txt is missing"),
        (lambda root: (root / "test/nshards.txt").write_text("many"), "nshards.txt is no number"),
        (lambda root: (root / "test/1.tar").unlink(), "1.tar is missing, of 3 shards"),
        (lambda root: _cut(root / "test/1.tar", 700), "1.tar: (damaged|truncated)"),
        (lambda root: _cut(root / "test/1.tar", 4096), "truncated: no end mark"),
        (lambda root: (root / "test/1.tar").write_bytes(b"x" * 2000), "damaged or no tar"),
        (lambda root: (root / "classnames.txt").write_text("a\nb\n"), "class 2, but there are names for 2"),
        (lambda root: (root / TEMPLATES_FILE).write_text("a photo\n"), "needs one place"),
        (lambda root: (root / "dataset_type.txt").write_text("retrieval"), "no .txt among"),
        (lambda root: (root / "dataset_type.txt").write_text("multilabel"), "no .npy among"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(make_home: Home, tmp_path: Path, change: object, message: str) -> None:
    root = make_home(SAMPLES, TEXTS)
    change(root)  # type: ignore[operator]
    with pytest.raises(UserError, match=message):
        open_set(f"wds:{root}", cache=tmp_path)


def _cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])
