from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.datasets.dataset_kind import DatasetKind
from probes.datasets.dataset_registry import DATASETS, NAMES
from probes.datasets.emoji import EmojiDataset
from probes.datasets.formats.embeddings import EmbeddedDataset

ROOT = Path(__file__).parents[3]


def test_the_names_in_the_registry_are_those_of_the_modules() -> None:
    """They are written twice, so that a module is imported only when its data are asked for."""
    for module, names in NAMES.items():
        kinds = import_module(f"probes.datasets.{module}").KINDS
        assert tuple(kind.name for kind in kinds) == names, module
    listed = [name for names in NAMES.values() for name in names]
    assert len(set(listed)) == len(listed)
    assert list(DATASETS) == listed and len(DATASETS) == len(listed)
    assert all(kind.name == name for name, kind in DATASETS.items())


def test_every_published_file_is_registered() -> None:
    folder = Path(__file__).parents[3] / "probes" / "datasets" / "published"
    files = {path.stem for path in folder.glob("*.py")}
    # Values and captions are parts of two loaders.
    own = files - {"__init__", "fhibe_values", "pata_captions"}
    assert own == {module.rsplit(".", 1)[1] for module in NAMES if module.startswith("published.")}


def test_one_data_set_is_loaded_without_the_modules_of_others() -> None:
    code = "import sys, probes.datasets as d; d.load_dataset('emoji').content_hash(0); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "probes.datasets.emoji" in loaded
    others = (
        "probes.datasets.published",
        "probes.datasets.formats.hugging_face",
        "clipmodel.evaluation",
        "PIL",
    )
    assert [name for name in loaded if name.startswith(others)] == []


def test_a_name_that_nobody_has_imports_nothing() -> None:
    assert DATASETS.get("fairfaces") is None
    with pytest.raises(UserError, match="unknown data set") as caught:
        load_dataset("fairfaces:x")
    assert "fairface" in str(caught.value.remedy)


def test_a_kind_can_be_added_and_removed() -> None:
    """As a plug-in, or a test, does it."""
    added = DatasetKind(name="added", load=lambda path: path, title="a file")
    DATASETS["added"] = added
    try:
        assert DATASETS["added"] is added and list(DATASETS)[-1] == "added"
    finally:
        del DATASETS["added"]
    assert "added" not in DATASETS


def test_published_data_have_a_card_and_formats_a_title() -> None:
    for kind in DATASETS.values():
        assert (kind.card is not None) != bool(kind.title), kind.name
        assert kind.card is None or kind.card.name == kind.name


def test_only_what_is_embedded_needs_no_path() -> None:
    assert [kind.name for kind in DATASETS.values() if kind.embedded] == ["emoji"]
    assert isinstance(load_dataset("emoji"), EmojiDataset)
    with pytest.raises(UserError, match="needs a path") as caught:
        load_dataset("fairface")
    assert caught.value.remedy == "write fairface:PATH"
    with pytest.raises(UserError, match="unknown data set 'emoji:x'"):
        load_dataset("emoji:x")


def test_embeddings_are_read_from_a_file_or_a_folder(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "e.npz", image=np.eye(2, dtype=np.float32), path=np.array(["a", "b"]),
        gender=np.array(["x", "y"]), text=np.ones((1, 2), np.float32), text_name=np.array(["t"]),
        logit_scale=np.float32(100),
    )  # fmt: skip
    assert isinstance(DATASETS["embeddings"].load(tmp_path / "e.npz"), EmbeddedDataset)
    # A folder is read as one that `clip-audit embed` wrote, which this is not.
    with pytest.raises(UserError):
        DATASETS["embeddings"].load(tmp_path)


def test_the_home_folder_is_found_after_the_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell expands ~/x.csv, but not table:~/x.csv."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.csv").write_text("path,gender,prediction\na.jpg,man,man\nb.jpg,woman,man\n")
    assert len(load_dataset("predictions:~/x.csv")) == 2
    with pytest.raises(UserError, match="no table at"):
        load_dataset("predictions:~nobody-of-that-name/x.csv")
