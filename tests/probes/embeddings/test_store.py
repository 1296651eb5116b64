"""The store: keyed by content, private, resumable, and forgetful when told to be."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from clipmodel.atomic_files import take_lock
from clipmodel.errors import UserError
from probes.embeddings import shard_files, store
from probes.embeddings.store import EmbeddingStore, cache_folder, file_mode
from probes.embeddings.stored_rows import locate

CASES = Path(__file__).parents[3].parent / "shared" / "cases" / "cache"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def kept(tmp_path: Path) -> EmbeddingStore:
    return EmbeddingStore(tmp_path / "cache")


def put(kept: EmbeddingStore, *names: str, space: str = "image m") -> None:
    """Store a shard; the embedding of a name is its length, twice."""
    kept.add(space, [sha(name) for name in names], np.array([[len(name)] * 2 for name in names], np.float32))


def has(kept: EmbeddingStore, *names: str, space: str = "image m") -> list[bool]:
    return kept.fetch(space, [sha(name) for name in names], dim=2)[1].tolist()


def test_shards_add_up_and_rows_may_repeat(kept: EmbeddingStore) -> None:
    put(kept, "a")
    put(kept, "bb")
    embeddings, found = kept.fetch("image m", [sha(name) for name in ("bb", "?", "a", "bb")], dim=2)
    assert found.tolist() == [True, False, True, True]
    assert embeddings[:, 0].tolist() == [2.0, 0.0, 1.0, 2.0]
    assert kept.fetch("image m", [sha("a")], dim=3)[1].tolist() == [False]


def test_files_are_private_and_folders_too(kept: EmbeddingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put(kept, "a")
    assert {path.stat().st_mode & 0o777 for path in kept.root.rglob("*") if path.is_file()} == {0o600}
    folders = [kept.root, *(path for path in kept.root.rglob("*") if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    monkeypatch.setenv("CLIP_AUDIT_CACHE_MODE", "640")
    put(kept, "b", space="image other")
    shared = kept.folder("image other")
    assert shared.stat().st_mode & 0o777 == 0o750
    assert {path.stat().st_mode & 0o777 for path in shared.iterdir()} == {0o640}


@pytest.mark.parametrize("text", ["rw", "9", "1600", "066", "-600"])
def test_odd_permissions_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIP_AUDIT_CACHE_MODE", text)
    with pytest.raises(UserError, match="CLIP_AUDIT_CACHE_MODE"):
        file_mode()


def test_a_half_written_shard_is_never_read(kept: EmbeddingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    put(kept, "a")

    def fail(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shard_files.os, "fsync", fail)
    with pytest.raises(KeyboardInterrupt):
        put(kept, "b")
    assert has(kept, "a", "b") == [True, False]
    assert not list(kept.root.rglob(f"{shard_files.UNFINISHED}*"))


def test_what_a_killed_run_left_is_removed_by_the_next(kept: EmbeddingStore) -> None:
    """But for the draft that a run still has locked, unless it is older than a day, and one just begun."""
    put(kept, "a")
    folder = kept.folder("image m")
    ages = {"killed": 60, "locked": 60, "begun": 0, "old": 2 * shard_files.STALE_SECONDS}
    for name, age in ages.items():
        (folder / f"{shard_files.UNFINISHED}{name}").touch()
        os.utime(folder / f"{shard_files.UNFINISHED}{name}", (time.time() - age,) * 2)
    with (folder / f"{shard_files.UNFINISHED}locked").open("rb") as file:
        assert take_lock(file)
        put(kept, "b")
    left = sorted(path.name for path in folder.glob(f"{shard_files.UNFINISHED}*"))
    assert left == [f"{shard_files.UNFINISHED}{name}" for name in ("begun", "locked")]


@pytest.mark.parametrize("what", [f"uncaught_{kind}" for kind in ("SyntaxError", "TokenError")] + ["empty"])
def test_a_damaged_shard_is_removed_whatever_is_in_it(kept: EmbeddingStore, what: str) -> None:
    """Archives whose headers no parser survives, copied over a shard: the checksum fails first."""
    put(kept, "a")
    shard = next(kept.folder("image m").glob("*.arrow"))
    case = CASES / f"{what}.npz"
    shard.write_bytes(case.read_bytes() if case.is_file() else b"")
    with pytest.warns(UserWarning, match="is damaged; it was removed"):
        assert has(kept, "a") == [False]
    assert not shard.exists()


def test_shards_of_earlier_versions_are_ignored(kept: EmbeddingStore) -> None:
    put(kept, "a")
    for case in ("one", "two"):
        (kept.folder("image m") / f"{case}.npz").write_bytes(b"PK anything")
    assert has(kept, "a") == [True]
    (summary,) = kept.summaries()
    assert (summary.space, summary.n_embeddings, summary.n_old) == ("image m", 1, 2)


def test_a_shard_with_an_input_error_is_left_alone(
    kept: EmbeddingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(kept, "a")
    put(kept, "bb")
    bad = sorted(kept.folder("image m").glob("*.arrow"))[0]
    opened = store.open_shard

    def fail(path: Path) -> shard_files.Shard | None:
        if path == bad:
            raise OSError(5, "Input/output error")
        return opened(path)

    monkeypatch.setattr(store, "open_shard", fail)
    with pytest.warns(UserWarning, match="Input/output error"):
        assert sorted(has(kept, "a", "bb")) == [False, True]
    assert bad.exists()
    with pytest.warns(UserWarning, match="left alone"):
        (summary,) = kept.summaries()
    assert (summary.n_shards, summary.n_unreadable) == (1, 1)


def test_a_folder_in_the_place_of_a_shard_is_left_alone(kept: EmbeddingStore) -> None:
    put(kept, "a")
    (kept.folder("image m") / f"{'0' * 32}.arrow").mkdir()
    with pytest.warns(UserWarning, match="left alone"):
        assert has(kept, "a") == [True]


def test_a_store_that_vanished_says_what_to_do(kept: EmbeddingStore) -> None:
    put(kept, "a")
    rows, _ = kept.locate("image m", [sha("a")], dim=2)
    shutil.rmtree(kept.root)
    with pytest.raises(UserError, match="run the same command again"):
        rows[:]
    assert has(kept, "a") == [False]


def test_forgetting_drops_the_images_from_every_model_and_keeps_all_others(kept: EmbeddingStore) -> None:
    put(kept, "a", "bb", "ccc")
    put(kept, "dddd")
    put(kept, "a", "bb", space="image other")
    put(kept, "a", space="text m")
    (kept.folder("image m") / "old.npz").write_bytes(b"may hold it too")
    # "a" and "dddd" under one model, "a" under the other; the text "a" is no image.
    assert kept.forget([sha("a"), sha("dddd"), sha("not stored")]) == 3
    assert has(kept, "a", "bb", "ccc", "dddd") == [False, True, True, False]
    assert has(kept, "a", "bb", space="image other") == [False, True]
    assert has(kept, "a", space="text m") == [True]
    assert not list(kept.root.rglob("*.npz"))
    embeddings, _ = kept.fetch("image m", [sha("ccc")], dim=2)
    assert embeddings.tolist() == [[3, 3]]
    image_shards = [p for p in kept.root.rglob("*.arrow") if p.parent != kept.folder("text m")]
    assert len(image_shards) == 2
    assert all(bytes.fromhex(sha("a")) not in path.read_bytes() for path in image_shards)


def test_forgetting_all_but_some(kept: EmbeddingStore) -> None:
    put(kept, "a", "bb")
    put(kept, "ccc")
    assert kept.forget([sha("bb")], rest=True) == 2
    assert has(kept, "a", "bb", "ccc") == [False, True, False]


def test_what_cannot_be_read_cannot_be_forgotten(
    kept: EmbeddingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(kept, "a")

    def fail(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(store, "open_shard", fail)
    with (
        pytest.warns(UserWarning, match="left alone"),
        pytest.raises(UserError, match="may still hold what is to be forgotten"),
    ):
        kept.forget([sha("a")])


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLIP_AUDIT_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("CLIP_AUDIT_CACHE")
    monkeypatch.setattr(store.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "clip-audit"


def test_locating_nothing(kept: EmbeddingStore) -> None:
    put(kept, "a")
    rows, found = locate(kept.shards("image m", dim=2), shard_files.keys_of([]), dim=2)
    assert (len(rows), len(found), rows[:].shape) == (0, 0, (0, 2))
