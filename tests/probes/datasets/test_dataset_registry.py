from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.datasets.dataset_registry import DATASETS, MODULES
from probes.datasets.emoji import EmojiDataset
from probes.datasets.formats.embeddings import EmbeddedDataset


def test_every_kind_of_every_module_is_there_once() -> None:
    names = [kind.name for module in MODULES for kind in module.KINDS]
    assert len(set(names)) == len(names)
    assert set(DATASETS) == {*names, "embeddings", "predictions"}
    assert all(kind.name == name for name, kind in DATASETS.items())


def test_every_published_file_is_registered() -> None:
    folder = Path(__file__).parents[3] / "probes" / "datasets" / "published"
    files = {path.stem for path in folder.glob("*.py")}
    # Values and captions are parts of two loaders.
    own = files - {"__init__", "fhibe_values", "pata_captions"}
    assert own <= {module.__name__.rsplit(".", 1)[1] for module in MODULES}


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
