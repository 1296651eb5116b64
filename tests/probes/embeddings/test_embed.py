"""Embedding: each image read and embedded once, resumable, and safe against damage."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from clipmodel.errors import UserError
from clipmodel.loading import load_model
from probes.datasets.formats.table import TableDataset
from probes.embeddings import embed, shard_files
from probes.embeddings.embed import embed_dataset, embed_texts, image_space
from probes.embeddings.store import EmbeddingStore
from tests.probes.conftest import FakeModel

COLOURS = ("red", "green", "blue")


@pytest.fixture
def dataset(write_table: Callable[[pd.DataFrame], Path]) -> TableDataset:
    names = [f"{i:02}.png" for i in range(12)]
    return TableDataset(
        write_table(pd.DataFrame({"path": names, "colour": [COLOURS[i % 3] for i in range(12)]}))
    )


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "BATCH_IMAGES", 3)
    monkeypatch.setattr(embed, "BATCHES_PER_SHARD", 1)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_second_run_embeds_nothing(model: FakeModel, store: EmbeddingStore, dataset: TableDataset) -> None:
    first = embed_dataset(model, dataset, range(12), store=store)
    second = embed_dataset(model, dataset, [5, 2], store=store)
    assert (first.n_new, second.n_new, model.n_images) == (12, 0, 12)
    assert second.rows.tolist() == [5, 2]
    np.testing.assert_array_equal(second.embeddings, first.embeddings[[5, 2]])


def test_embeddings_are_those_of_the_model(
    model: FakeModel, store: EmbeddingStore, dataset: TableDataset
) -> None:
    """The first image is (200, 20, 20): its direction is that of (200, 20, 20) / 255 + 0.001."""
    expected = np.array([200, 20, 20]) / 255 + 1e-3
    result = embed_dataset(model, dataset, [0], store=store)
    np.testing.assert_allclose(result.embeddings[0], expected / np.linalg.norm(expected), rtol=1e-6)


def test_other_weights_or_preprocessing_have_their_own_space(
    model: FakeModel, store: EmbeddingStore, dataset: TableDataset
) -> None:
    embed_dataset(model, dataset, range(12), store=store)
    for name in ("fingerprint", "preprocess_id"):
        other = FakeModel()
        setattr(other, name, "another")
        assert image_space(other) != image_space(model)
        assert embed_dataset(other, dataset, range(12), store=store).n_new == 12


def test_equal_images_are_embedded_once(model: FakeModel, store: EmbeddingStore, tmp_path: Path) -> None:
    from tests.probes.conftest import png

    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png((1, 2, 3)))
    (tmp_path / "t.csv").write_text("path,gender\na.png,woman\nb.png,man\n")
    result = embed_dataset(model, TableDataset(tmp_path / "t.csv"), [0, 1], store=store)
    assert result.n_new == model.n_images == 1
    np.testing.assert_array_equal(result.embeddings[0], result.embeddings[1])


class _Killed(FakeModel):
    """Dies on the third batch."""

    def encode_image(self, pixels: Tensor) -> Tensor:
        if self.n_images >= 6:
            raise KeyboardInterrupt
        return super().encode_image(pixels)


@pytest.mark.usefixtures("small_batches")
def test_a_killed_run_goes_on_where_it_stopped(store: EmbeddingStore, dataset: TableDataset) -> None:
    killed, model = _Killed(), FakeModel()
    with pytest.raises(KeyboardInterrupt):
        embed_dataset(killed, dataset, range(12), store=store)
    result = embed_dataset(model, dataset, range(12), store=store)
    assert (killed.n_images, result.n_new, model.n_images) == (6, 6, 6)
    assert len(result.rows) == 12


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_shard_is_found_and_made_again(
    model: FakeModel, store: EmbeddingStore, dataset: TableDataset, damage: str
) -> None:
    whole = embed_dataset(model, dataset, range(12), store=store)
    shard = sorted(store.root.rglob("*.arrow"))[0]
    data = bytearray(shard.read_bytes())
    if damage == "cut":
        shard.write_bytes(data[: len(data) // 2])
    else:
        at = data.find(whole.embeddings[0].tobytes()[:4])
        data[at if at > 0 else len(data) // 2] ^= 0xFF
        shard.write_bytes(data)
    with pytest.warns(UserWarning, match="damaged"):
        again = embed_dataset(model, dataset, range(12), store=store)
    assert again.n_new == 3
    np.testing.assert_array_equal(again.embeddings, whole.embeddings)


def _die_by_kill(root: Path, dataset: TableDataset) -> None:
    class Dies(FakeModel):
        def encode_image(self, pixels: Tensor) -> Tensor:
            if self.n_images >= 6:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().encode_image(pixels)

    embed_dataset(Dies(), dataset, range(12), store=EmbeddingStore(root))


def _embed_all(root: Path, dataset: TableDataset) -> None:
    embed_dataset(FakeModel(), dataset, range(12), store=EmbeddingStore(root))


@pytest.mark.usefixtures("small_batches")
def test_after_kill_9_the_next_run_goes_on(store: EmbeddingStore, dataset: TableDataset) -> None:
    process = multiprocessing.get_context("fork").Process(target=_die_by_kill, args=(store.root, dataset))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    model = FakeModel()
    assert embed_dataset(model, dataset, range(12), store=store).n_new == model.n_images == 6


@pytest.mark.usefixtures("small_batches")
def test_two_processes_write_at_once(store: EmbeddingStore, dataset: TableDataset) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_embed_all, args=(store.root, dataset)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    result = embed_dataset(FakeModel(), dataset, range(12), store=store)
    assert (result.n_new, len(result.rows)) == (0, 12)
    assert not list(store.root.rglob(f"{shard_files.UNFINISHED}*"))


def test_unreadable_images_are_returned_with_their_reason(
    model: FakeModel, store: EmbeddingStore, dataset: TableDataset, tmp_path: Path
) -> None:
    (tmp_path / "03.png").write_bytes(b"no image")
    (tmp_path / "07.png").unlink()
    result = embed_dataset(model, dataset, range(12), store=store)
    assert result.rows.tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10, 11]
    assert result.unreadable == {3: "the image cannot be decoded", 7: "there is no such file"}


def test_texts_are_embedded_once_and_in_order(model: FakeModel, store: EmbeddingStore) -> None:
    first = embed_texts(model, ["a red one", "a blue one"], store=store)
    again = embed_texts(model, ["a blue one", "a green one", "a red one"], store=store)
    assert model.n_texts == 3
    np.testing.assert_array_equal(again[[2, 0]], first)
    np.testing.assert_array_equal(again[1], [0, 1, 0])


def test_progress_reaches_the_end(model: FakeModel, store: EmbeddingStore, dataset: TableDataset) -> None:
    seen: list[tuple[str, int, int]] = []
    embed_dataset(model, dataset, range(12), store=store, progress=lambda *step: seen.append(step))
    assert seen[-1] == ("images", 12, 12)


def test_a_store_that_cannot_be_written_says_so(model: FakeModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written") as caught:
        embed_texts(model, ["a"], store=EmbeddingStore(tmp_path / "file"))
    assert "CLIP_AUDIT_CACHE" in str(caught.value)


def test_a_model_needs_only_the_protocol(store: EmbeddingStore) -> None:
    class Texts(FakeModel):
        def encode_text(self, texts: Sequence[str]) -> Tensor:
            return super().encode_text(texts).double()

    assert embed_texts(Texts(), ["a"], store=store).dtype == np.float32


def test_each_image_is_read_once(
    model: FakeModel, store: EmbeddingStore, dataset: TableDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hash and pixels come from one read: 12 images, 12 reads, new or stored."""
    reads: list[int] = []
    read = TableDataset.read_bytes

    def counted(self: TableDataset, row: int) -> bytes:
        reads.append(row)
        return read(self, row)

    monkeypatch.setattr(TableDataset, "read_bytes", counted)
    embed_dataset(model, dataset, range(12), store=store)
    assert sorted(reads) == list(range(12))
    embed_dataset(model, dataset, range(12), store=store)
    assert sorted(reads) == sorted([*range(12), *range(12)])


def test_no_more_images_are_read_ahead_than_a_few_batches(
    model: FakeModel, store: EmbeddingStore, dataset: TableDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 2 images ahead, the model has had the first batch of 3 when the 7th image is read."""
    monkeypatch.setattr(embed, "AHEAD", 2)
    monkeypatch.setattr(embed, "BATCH_IMAGES", 3)
    embedded_before: dict[int, int] = {}
    read = TableDataset.read_bytes

    def watched(self: TableDataset, row: int) -> bytes:
        embedded_before[row] = model.n_images
        return read(self, row)

    monkeypatch.setattr(TableDataset, "read_bytes", watched)
    embed_dataset(model, dataset, range(12), store=store)
    assert embedded_before[0] == 0
    assert embedded_before[6] >= 3


class OnAccelerator(FakeModel):
    """A model that says that it computes elsewhere; its first batches wait for so many images to be read."""

    device = torch.device("mps")

    def __init__(self, reads: list[int], *, waits_for: Sequence[int] = ()) -> None:
        super().__init__()
        self.reads, self.waits_for, self.n_read = reads, list(waits_for), []

    def encode_image(self, pixels: Tensor) -> Tensor:
        wanted = self.waits_for.pop(0) if self.waits_for else 0
        end = time.monotonic() + 20
        while len(self.reads) < wanted and time.monotonic() < end:
            time.sleep(0.001)
        self.n_read.append(len(self.reads))
        return super().encode_image(pixels)


def test_an_accelerator_computes_while_the_next_batch_is_gathered(
    model: FakeModel, store: EmbeddingStore, dataset: TableDataset, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    """In batches of 3 of 12, with 2 images read ahead, the first batch would wait for ever on its own."""
    monkeypatch.setattr(embed, "ACCELERATOR_BATCH", 3)
    monkeypatch.setattr(embed, "AHEAD", 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    reads: list[int] = []
    read = TableDataset.read_bytes

    def counted(self: TableDataset, row: int) -> bytes:
        reads.append(row)
        return read(self, row)

    expected = embed_dataset(model, dataset, range(12), store=store).embeddings
    monkeypatch.setattr(TableDataset, "read_bytes", counted)
    elsewhere = OnAccelerator(reads, waits_for=[7])
    found = embed_dataset(elsewhere, dataset, range(12), store=EmbeddingStore(tmp_path / "other"))
    np.testing.assert_array_equal(found.embeddings, expected)
    assert elsewhere.n_read[0] >= 7 and elsewhere.n_images == 12


def test_what_an_accelerator_raises_is_raised(
    store: EmbeddingStore, dataset: TableDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "ACCELERATOR_BATCH", 5)
    broken = OnAccelerator([])
    monkeypatch.setattr(broken, "encode_image", lambda pixels: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        embed_dataset(broken, dataset, range(12), store=store)


def test_a_shard_that_cannot_be_read_is_worked_around(
    model: FakeModel, store: EmbeddingStore, dataset: TableDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's shard: its images are embedded again, once; the file stays as it is."""
    whole = embed_dataset(model, dataset, range(12), store=store).embeddings
    shard = next(store.root.rglob("*.arrow"))
    before = shard.read_bytes()
    open_path = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        if self == shard:
            raise PermissionError(13, "Permission denied")
        return open_path(self, *args, **kwargs)  # type: ignore[call-overload]

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refuse)
        with pytest.warns(UserWarning, match="cannot be read \\(Permission denied\\); it is left alone"):
            again = embed_dataset(model, dataset, range(12), store=store)
        assert again.n_new == 12
        np.testing.assert_array_equal(again.embeddings, whole)
        with pytest.warns(UserWarning, match="left alone"):
            assert embed_dataset(model, dataset, range(12), store=store).n_new == 0
    assert shard.read_bytes() == before
    assert [path.name for path in sorted(shard.parent.glob("*.arrow"))] == [
        f"{shard.stem}-1.arrow",
        shard.name,
    ]


def test_an_embedding_does_not_depend_on_its_company() -> None:
    """The bundled model, one image alone, in any batch and with any number of threads: the same bits."""
    bundled = load_model("tiny")
    side = bundled.preprocessor.image_size  # type: ignore[attr-defined]
    pixels = torch.randn(40, 3, side, side, generator=torch.Generator().manual_seed(0))
    whole = bundled.encode_image(pixels)
    threads = torch.get_num_threads()
    try:
        for n_threads in (1, 2):
            torch.set_num_threads(n_threads)
            for part in (slice(0, 1), slice(3, 5), slice(7, 38), slice(39, 40)):
                assert torch.equal(bundled.encode_image(pixels[part]), whole[part])
    finally:
        torch.set_num_threads(threads)
    assert bundled.encode_image(pixels[:0]).shape == (0, bundled.embed_dim)
