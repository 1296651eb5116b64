from __future__ import annotations

from pathlib import Path

import pytest

from clipmodel.checkpoints.write import write_checkpoint
from clipmodel.errors import UserError
from clipmodel.loading import load_model
from tests.clipmodel.checkpoints.test_open_clip_config import written
from tests.clipmodel.loading.protocol import require_protocol
from tests.clipmodel.support.small_models import VIT, checkpoint_of, random_clip
from tests.support.peers import peer_or_skip


@pytest.fixture
def offline_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    constants = peer_or_skip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def _cached(cache: Path, name: str) -> Path:
    """An empty snapshot of a model, where the hub's library looks for it."""
    commit = "0" * 40
    model = cache / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(commit)
    (model / "snapshots" / commit).mkdir(parents=True)
    return model / "snapshots" / commit


def test_the_hub_is_read_from_the_local_cache(offline_cache: Path) -> None:
    write_checkpoint(
        checkpoint_of(random_clip(VIT)), _cached(offline_cache, "someone/clip"), to="transformers"
    )
    model = load_model("hf:someone/clip")
    assert model.name == "hf:someone/clip"
    require_protocol(model)


def test_an_open_clip_folder_in_the_cache_is_a_complete_copy(offline_cache: Path) -> None:
    snapshot = _cached(offline_cache, "someone/open")
    written(snapshot, VIT)
    for name in ("hf:someone/open", "hf-hub:someone/open"):
        require_protocol(load_model(name))


def test_a_model_that_is_not_there_is_an_error_offline(offline_cache: Path) -> None:
    with pytest.raises(UserError, match="hf:someone/other is not in the local cache"):
        load_model("hf:someone/other")
