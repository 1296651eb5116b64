"""Pairs a second from their stored form to batches of pixels and token ids, against webdataset and datasets.

    python -m benchmarks.loading
    python -m benchmarks.loading --quick

All do the same work in one process and one thread, as a loader worker does: read and shuffle, decode, resize
the short side to 224, crop the centre, normalise, tokenise, make batches of 32. A peer runs twice: with
Pillow's resize and open_clip's tokenizer, as open_clip trains; and with our pixels and tokens, which leaves
what the loaders themselves cost. That each gives the pixels and tokens of the same pairs is checked first.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import webdataset
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks.interleaved_timing import HEADER, OURS, Race, asked_for_quick, one_thread, race, report, rows
from benchmarks.synthetic_images import jpeg_files
from benchmarks.tokenizer_speed import captions
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import clip_tokenizer
from clipmodel.training.data.crops import decode_and_crop
from clipmodel.training.data.streamed import stream_pairs
from clipmodel.training.distributed import World
from clipmodel.training.recipe import CropRecipe, Recipe
from tests.support.peers import import_peer

SIZE, BATCH, SHUFFLE, SHARDS = 224, 32, 64, 4
SAME_WORK = 0.5  # of 255 levels: the mean difference of an image's pixels, ours against a peer's
ALONE = World(rank=0, size=1, device=torch.device("cpu"))
Batch = tuple[Tensor, Tensor]  # float pixels [B, 3, H, W], token ids [B, L]
Pass = Callable[[], Iterator[Batch]]


@dataclass(frozen=True)
class Pair:
    key: str
    image: bytes
    caption: str


@dataclass(frozen=True)
class Preparation:
    """Encoded images and captions to a batch."""

    batch: Callable[[Iterable[tuple[bytes, str]]], Batch]


def like_open_clip() -> Preparation:
    """Image by image, as its loader maps them."""
    transform = import_peer("open_clip.transform").image_transform(SIZE, is_train=False)
    tokenize = import_peer("open_clip.tokenizer").SimpleTokenizer()

    def batch(pairs: Iterable[tuple[bytes, str]]) -> Batch:
        pixels, tokens = zip(
            *((transform(Image.open(io.BytesIO(image))), tokenize(text)[0]) for image, text in pairs),
            strict=True,
        )
        return torch.stack(pixels), torch.stack(tokens)

    return Preparation(batch)


def like_us() -> Preparation:
    preprocess, tokenize, crop = Preprocess(image_size=SIZE), clip_tokenizer(), CropRecipe(kind="centre")
    rng = np.random.default_rng(0)

    def batch(pairs: Iterable[tuple[bytes, str]]) -> Batch:
        images, texts = zip(*pairs, strict=True)
        pixels = torch.stack([decode_and_crop(image, SIZE, crop, rng) for image in images])
        return preprocess.normalize(pixels), tokenize(list(texts), truncate=True)

    return Preparation(batch)


def write_tars(pairs: list[Pair], folder: Path) -> str:
    """The pairs in shards; what data.source calls them."""
    folder.mkdir()
    for number in range(SHARDS):
        with tarfile.open(folder / f"{number}.tar", "w") as tar:
            for pair in pairs[number::SHARDS]:
                for kind, content in (("jpg", pair.image), ("txt", pair.caption.encode())):
                    member = tarfile.TarInfo(f"{pair.key}.{kind}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return f"{folder}/{{0..{SHARDS - 1}}}.tar"


def written(pairs: list[Pair], folder: Path) -> dict[str, str]:
    """The pairs in all forms; what data.source names, by form."""
    files = {
        "tar": "tar/{0..3}.tar",
        "parquet": "parquet/{0..3}.parquet",
        "CSV and files": "files/metadata.csv",
    }
    for name in ("parquet", "files", "folder"):
        (folder / name).mkdir()
    write_tars(pairs, folder / "tar")
    for number in range(SHARDS):
        part = pairs[number::SHARDS]
        table = pa.table({"image": [p.image for p in part], "caption": [p.caption for p in part]})
        pq.write_table(table, folder / "parquet" / f"{number}.parquet")
    with (folder / "files" / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "caption"])
        writer.writerows([f"{pair.key}.jpg", pair.caption] for pair in pairs)
    for pair in pairs:
        for name in ("files", "folder"):
            (folder / name / f"{pair.key}.jpg").write_bytes(pair.image)
        (folder / "folder" / f"{pair.key}.json").write_text(json.dumps({"caption": pair.caption}))
    return {form: str(folder / name) for form, name in files.items()} | {"folder": str(folder / "folder")}


def our_passes(source: str, *, batches: int) -> Pass:
    """One stream that goes on from pass to pass, as in training; a pass is so many batches of it."""
    columns = {"image": "file_name"} if source.endswith(".csv") else {}
    recipe = Recipe.model_validate(
        {
            "recipe": "loading", "description": "", "launch": "", "expect": "", "steps": 10**6,
            "batch_size": BATCH, "model": "ViT-B/32", "tokenizer": "clip",
            "optim": {"peak_learning_rate": 1e-3, "warmup_steps": 1},
            "data": {"source": source, "crop": {"kind": "centre"}, **columns,
                     "loading": {"workers": 0, "substreams": 1, "shuffle": SHUFFLE}},
        }
    )  # fmt: skip
    stream = stream_pairs(recipe, seed=0, world=ALONE).batches
    steps = iter(range(10**9))

    def one_pass() -> Iterator[Batch]:
        for _ in range(batches):
            batch = stream.batch(next(steps))
            yield batch.pixels, batch.tokens

    return one_pass


def webdataset_passes(source: str, prepare: Preparation) -> Pass:
    pipeline = (
        webdataset.WebDataset(source, shardshuffle=SHARDS, seed=0)
        .shuffle(SHUFFLE)
        .to_tuple("jpg", "txt")
        .batched(
            BATCH,
            collation_fn=lambda pairs: prepare.batch((image, text.decode()) for image, text in pairs),
        )
    )
    return lambda: iter(pipeline)


def datasets_passes(form: str, source: str, prepare: Preparation, *, cache: Path) -> Pass:
    """A table whose index is shuffled for each pass. Streams are left out: their shuffle sleeps 5 s first."""
    import datasets

    datasets.disable_progress_bars()
    if form == "parquet":
        files = [source.replace("{0..3}", str(number)) for number in range(SHARDS)]
        table = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(cache))
    else:
        folder = str(Path(source).parent)
        table = datasets.load_dataset("imagefolder", data_dir=folder, split="train", cache_dir=str(cache))
        table = table.cast_column("image", datasets.Image(decode=False))

    def batch(pairs: list[Mapping[str, Any]]) -> Batch:
        return prepare.batch((_content(pair["image"]), pair["caption"]) for pair in pairs)

    return lambda: iter(DataLoader(table, batch_size=BATCH, shuffle=True, collate_fn=batch))


def _content(image: bytes | Mapping[str, Any]) -> bytes:
    if isinstance(image, bytes):
        return image
    content: bytes | None = image["bytes"]
    return Path(image["path"]).read_bytes() if content is None else content


def contenders(forms: Mapping[str, str], form: str, *, batches: int, cache: Path) -> dict[str, Pass]:
    """A pass over the data, by contender."""
    found = {OURS: our_passes(forms[form], batches=batches)}
    peer = "webdataset" if form == "tar" else "datasets"
    # datasets has the captions of a folder in its metadata.csv, ours beside each image.
    source = forms["CSV and files"] if form == "folder" else forms[form]
    for how, prepare in ((f"{peer}, as open_clip", like_open_clip()), (f"{peer}, our decoding", like_us())):
        if form == "tar":
            found[how] = webdataset_passes(source, prepare)
        else:
            found[how] = datasets_passes(form, source, prepare, cache=cache)
    return found


def check(passes: Mapping[str, Pass], *, pairs: int) -> None:
    """All contenders give the same pairs: sums over a pass, which do not depend on the order."""
    found = {}
    for name, one_pass in passes.items():
        batches = list(one_pass())
        tokens = sum(int(tokens.sum()) for _, tokens in batches)
        pixels = sum(float(pixels.double().mean()) * len(pixels) for pixels, _ in batches) / pairs
        found[name] = (sum(len(tokens) for _, tokens in batches), tokens, pixels)
    expected = found[OURS]
    for name, (count, tokens, mean) in found.items():
        # A level is 1 / 255 of the range before it is divided by a deviation of some 0.27.
        same = abs(mean - expected[2]) < SAME_WORK / 255 / 0.27
        if (count, tokens) != (pairs, expected[1]) or not same:
            raise RuntimeError(f"{name} gives other pairs than ours: {found[name]}, not {expected}")


def loading_race(form: str, passes: Mapping[str, Pass], *, pairs: int, rounds: int) -> Race:
    def through(one_pass: Pass) -> Callable[[], None]:
        def run() -> None:
            for _ in one_pass():
                pass

        return run

    calls = {name: through(one_pass) for name, one_pass in passes.items()}
    return race(form, calls, unit="pairs", items=pairs, rounds=rounds, goal=1.0)


def main() -> None:
    quick = asked_for_quick(__doc__)
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    n, repeats = (32, 1) if quick else (96, 4)
    texts, what_texts = captions()
    with tempfile.TemporaryDirectory() as scratch, one_thread():
        paths, what = jpeg_files(Path(scratch), n)
        pairs = [
            Pair(f"{number:05d}", paths[number % n].read_bytes(), texts[number])
            for number in range(n * repeats)
        ]
        (Path(scratch) / "data").mkdir()
        forms = written(pairs, Path(scratch) / "data")
        races = []
        for form in forms:
            passes = contenders(forms, form, batches=len(pairs) // BATCH, cache=Path(scratch) / "cache")
            check(passes, pairs=len(pairs))
            races.append(loading_race(form, passes, pairs=len(pairs), rounds=1 if quick else 5))
    notes = [
        f"{len(pairs)} pairs: {what}, with {what_texts}; files in the page cache.",
        "One process, one thread: with loader workers all of these are multiplied alike.",
        '"our decoding": the loader is the peer\'s, pixels and tokens are computed as we do.',
        "datasets keeps tables in memory-mapped Arrow files, written before it is timed; ours reads the "
        "parquet shards and the files themselves. In a folder it has the captions in one table, ours reads "
        "a JSON file beside each image.",
    ]
    report(None if quick else "loading", "Loading", header=HEADER, lines=rows(races), notes=notes)


if __name__ == "__main__":
    main()
