"""JPEG files to pixels, and files to embeddings, against open_clip and transformers.

    python -m benchmarks.preprocess_speed
    python -m benchmarks.preprocess_speed --quick

Decoding and preprocessing run in one thread, as in a loader worker, and the processor's time is taken. End to
end, two loader workers prepare images while ViT-B/32 (random weights, fp32) embeds them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import simplejpeg
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.interleaved_timing import HEADER, OURS, Race, asked_for_quick, one_thread, race, report, rows
from benchmarks.reference_models import open_clip_reference, ours, transformers_reference
from benchmarks.synthetic_images import jpeg_files
from clipmodel.inputs.image_decoding import open_image
from clipmodel.inputs.preprocess import FastPreprocess, Preprocess
from tests.support.peers import import_peer

WORKERS = 2
BATCH = 16
GOAL = 2.0  # times the faster peer, from JPEG to pixels
SCALED = "large JPEG to pixels, decoded scaled, 1 thread"
WHOLE = f"{OURS}, decoded whole"
# Neither resized nor normalised: what would be left if those were free; with the decoder's shortcuts as well.
DECODING = f"{OURS}, decoding alone"
SHORTCUTS = {"fast DCT": {"fastdct": True}, "plain upsampling": {"fastupsample": True}}


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
        DECODING: lambda path: decode(path),
        **{f"{DECODING}, {name}": partial(decode, **options) for name, options in SHORTCUTS.items()},
        f"{OURS}, reference path": lambda path: reference.normalize(reference.decode(path.read_bytes())),
        "open_clip": lambda path: transform(Image.open(path)),
        **{name: through(processor) for name, processor in processors.items()},
    }


def decode(path: Path, **options: bool) -> np.ndarray:
    """uint8 [h, w, 3] of a file."""
    pixels: np.ndarray = simplejpeg.decode_jpeg(path.read_bytes(), colorspace="RGB", **options)
    return pixels


def decode_race(paths: Sequence[Path], *, rounds: int) -> Race:
    """One thread, one image after another."""
    contenders = {
        # What comes out is let go of at once, as a loader does: kept, images cost fresh memory.
        name: lambda prepare=prepare: [prepare(path).shape for path in paths]
        for name, prepare in preparations().items()
    }
    work = "JPEG to pixels, 1 thread"
    with one_thread():
        return race(
            work, contenders, unit="images", items=len(paths), rounds=rounds, goal=GOAL, clock=process_time
        )


def enlarged(paths: Sequence[Path], folder: Path) -> list[Path]:
    """The photos at four times their size, as a camera would give them, though with less detail."""
    folder.mkdir()
    made = []
    for path in paths:
        with Image.open(path) as image:
            size = (4 * image.width, 4 * image.height)
            image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(folder / path.name, quality=90)
        made.append(folder / path.name)
    return made


def scaled_race(paths: Sequence[Path], *, rounds: int) -> Race:
    """Large files decoded at a smaller scale, as `clip-audit embed --decode scaled` does it, or whole."""
    reference, ways = Preprocess(image_size=224), preparations()

    def scaled(path: Path) -> Tensor:
        return reference(open_image(path.read_bytes(), least_side=reference.image_size))

    preparing: dict[str, Callable[[Path], Tensor]] = {
        OURS: scaled,
        WHOLE: ways[f"{OURS}, reference path"],
        f"{OURS}, fast path, decoded whole": ways[OURS],
        **{name: ways[name] for name in ways if not name.startswith(OURS)},
    }
    contenders = {
        name: lambda prepare=prepare: [prepare(path).shape for path in paths]
        for name, prepare in preparing.items()
    }
    with one_thread():
        return race(
            SCALED, contenders, unit="images", items=len(paths), rounds=rounds, goal=GOAL, clock=process_time
        )


def _what_scaling_costs(paths: Sequence[Path], what: str) -> str:
    """How far the pixels of scaled decoding are from those of whole decoding, after the same resize."""
    reference = Preprocess(image_size=224)
    changes = []
    for path in paths:
        data = path.read_bytes()
        whole, scaled = (reference.crop(open_image(data, least_side=side)) for side in (None, 224))
        changes.append(np.abs(whole.astype(int) - scaled.astype(int)).ravel())
    every = np.concatenate(changes)
    return (
        f"Scaled decoding of {what}: pixels are off by {every.mean():.2f} of 255 levels on average, "
        f"{np.percentile(every, 99.9):.0f} in one of a thousand, {every.max()} at most."
    )


def end_to_end_race(paths: Sequence[Path], *, rounds: int) -> Race:
    """Loader workers and the model share the cores."""
    clip = ours("ViT-B/32")
    peer, other = open_clip_reference(clip, "ViT-B/32"), transformers_reference(clip)
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
            f"{what}; all decode every pixel, but for the row of scaled decoding.",
            "Ours: the fast path (simplejpeg, torch's antialiased bicubic filter), within 2 of 255 levels of "
            "the reference path, which is open_clip's to the bit.",
        ]
        races = [decode_race(paths, rounds=1 if quick else 7)]
        notes += [_what_binds(races[0]), _what_shortcuts_cost(paths, races[0])]
        large = enlarged(paths[: 2 if quick else 16], Path(scratch) / "large")
        races.append(scaled_race(large, rounds=1 if quick else 5))
        notes.append(_what_scaling_costs(large, f"{len(large)} of the photos, enlarged four times"))
        _report(races, notes, quick=quick)
        races.append(end_to_end_race(paths[:32], rounds=1 if quick else 9))
    fast, slow = (one.speed(OURS) for one in (races[0], races[-1]))
    notes.append(
        f"End to end the image tower binds: one core prepares {fast:.0f} images a second, both together "
        f"embed {slow:.0f}."
    )
    _report(races, notes, quick=quick)


def _what_binds(result: Race) -> str:
    """How far decoding, which all do with the same library, keeps us from the goal."""
    ours, decoding = (1000 / result.speed(name) for name in (OURS, DECODING))
    left = ours * result.ratio(result.fastest_peer) / GOAL - decoding
    return (
        f"Decoding (libjpeg-turbo, as in Pillow) takes {decoding:.2f} of our {ours:.2f} ms, two thirds of it "
        f"Huffman decoding (perf), which no crop or scale saves. For {GOAL} x, what else there is (reading, "
        f"resizing, normalising: {ours - decoding:.2f} ms) would have to take {left:.2f} ms."
    )


def _what_shortcuts_cost(paths: Sequence[Path], result: Race) -> str:
    """The decoder's own switches: what each saves, and how far from the reference its images are."""
    fast, reference = FastPreprocess(image_size=224), Preprocess(image_size=224)
    expected = [reference.decode(path.read_bytes()).int() for path in paths]
    found = []
    for name, options in SHORTCUTS.items():
        images = (fast.crop(Image.fromarray(decode(path, **options))) for path in paths)
        worst = max(
            int((torch.from_numpy(image).permute(2, 0, 1).int() - pixels).abs().max())
            for image, pixels in zip(images, expected, strict=True)
        )
        saved = 1 - result.ratio(f"{DECODING}, {name}") / result.ratio(DECODING)
        found.append(f"{name} saves {saved:.0%} of decoding and is up to {worst} levels off")
    return f"Shortcuts of the decoder do not help: {'; '.join(found)}."


def _report(races: list[Race], notes: list[str], *, quick: bool) -> None:
    name = None if quick else "preprocess_speed"
    report(name, "Files to pixels to embeddings", header=HEADER, lines=rows(races), notes=notes)


if __name__ == "__main__":
    main()
