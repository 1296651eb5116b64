"""JPEG files to pixels, and files to embeddings, against open_clip and transformers.

    python -m benchmarks.preprocess_speed
    python -m benchmarks.preprocess_speed --quick

Decoding and preprocessing run in one thread, as in a loader worker. End to end, two loader workers prepare
pictures while ViT-B/32 (random weights, fp32) embeds them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import simplejpeg
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.pictures import jpeg_files
from benchmarks.races import HEADER, OURS, Race, asked_for_quick, one_thread, race, report, rows
from benchmarks.twins import open_clip_twin, ours, transformers_twin
from clipmodel.preprocess import FastPreprocess, Preprocess
from tests.peers import import_peer

WORKERS = 2
BATCH = 16
DECODING = f"{OURS}, decoding alone"  # neither resized nor normalised: what would be left if those were free


class Files(Dataset[Tensor]):
    """Files through a function."""

    def __init__(self, paths: Sequence[Path], prepare: Callable[[Path], Tensor]) -> None:
        self.paths, self.prepare = paths, prepare

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> Tensor:
        return self.prepare(self.paths[row])


def preparations() -> dict[str, Callable[[Path], Tensor]]:
    """Path to float32 [3, 224, 224], by contender."""
    fast, reference = FastPreprocess(image_size=224), Preprocess(image_size=224)
    transform = import_peer("open_clip.transform").image_transform(224, is_train=False)
    transformers = import_peer("transformers")
    processors: dict[str, Any] = {
        "transformers, torchvision": transformers.CLIPImageProcessor(),
        "transformers, Pillow": transformers.CLIPImageProcessorPil(),
    }

    def through(processor: Any) -> Callable[[Path], Tensor]:
        return lambda path: processor(Image.open(path), return_tensors="pt")["pixel_values"][0]

    return {
        OURS: lambda path: fast.normalize(fast.decode(path.read_bytes())),
        DECODING: lambda path: simplejpeg.decode_jpeg(path.read_bytes(), colorspace="RGB"),
        f"{OURS}, reference path": lambda path: reference.normalize(reference.decode(path.read_bytes())),
        "open_clip": lambda path: transform(Image.open(path)),
        **{name: through(processor) for name, processor in processors.items()},
    }


def decode_race(paths: Sequence[Path], *, rounds: int) -> Race:
    """One thread, one picture after another."""
    contenders = {
        name: lambda prepare=prepare: [prepare(path) for path in paths]
        for name, prepare in preparations().items()
    }
    work = "JPEG to pixels, 1 thread"
    with one_thread():
        return race(work, contenders, unit="images", items=len(paths), rounds=rounds, goal=2.0)


def end_to_end_race(paths: Sequence[Path], *, rounds: int) -> Race:
    """Loader workers and the model share the cores."""
    clip = ours("ViT-B/32")
    peer, other = open_clip_twin(clip, "ViT-B/32"), transformers_twin(clip)
    models: dict[str, Callable[[Tensor], Any]] = {
        OURS: clip.encode_image,
        "open_clip": lambda pixels: peer.encode_image(pixels, normalize=True),
        "transformers, torchvision": lambda pixels: other.get_image_features(pixels),
    }
    ways = preparations()

    def embed(name: str) -> Callable[[], list[Any]]:
        loader = DataLoader(
            Files(paths, ways[name]), batch_size=BATCH, num_workers=WORKERS, persistent_workers=True
        )
        return lambda: [models[name](pixels) for pixels in loader]

    contenders = {name: embed(name) for name in models}
    work = f"files to embeddings, {WORKERS} workers"
    return race(work, contenders, unit="images", items=len(paths), rounds=rounds, goal=1.0)


def main() -> None:
    quick = asked_for_quick(__doc__)
    with tempfile.TemporaryDirectory() as scratch, torch.inference_mode():
        paths, what = jpeg_files(Path(scratch), 8 if quick else 96)
        notes = [
            f"{what}; all decode every pixel: no path scales while it decodes.",
            "Ours: the fast path (simplejpeg, torch's antialiased bicubic filter), within 2 of 255 levels of "
            "the reference path, which is open_clip's to the bit.",
        ]
        races = [decode_race(paths, rounds=1 if quick else 7)]
        notes.append(_what_binds(races[0]))
        _report(races, notes, quick=quick)
        races.append(end_to_end_race(paths[:32], rounds=1 if quick else 3))
    fast, slow = (one.speed(OURS) for one in races)
    notes.append(
        f"End to end the image tower binds: one core prepares {fast:.0f} pictures a second, both together "
        f"embed {slow:.0f}."
    )
    _report(races, notes, quick=quick)


def _what_binds(result: Race) -> str:
    """How far decoding, which all do with the same library, keeps us from the goal."""
    share = result.ratio(DECODING)
    best = result.ratio(result.fastest_peer) / share
    return (
        f"Decoding (libjpeg-turbo, as in Pillow) is {share:.0%} of our time, and two thirds of it is "
        f"Huffman decoding (perf): if all else were free, ours would be {best:.2f} x as fast."
    )


def _report(races: list[Race], notes: list[str], *, quick: bool) -> None:
    name = None if quick else "preprocess_speed"
    report(name, "Files to pixels to embeddings", header=HEADER, lines=rows(races), notes=notes)


if __name__ == "__main__":
    main()
