"""Embedding with fewer bits, or compiled: images a second, and what it does to the conclusions of audits.

    python -m benchmarks.reduced_precision --fairface fairface:FOLDER
    python -m benchmarks.reduced_precision --quick                        # small: does it run? Writes nothing

The first takes twenty minutes on two cores, and an hour on a processor without bf16, which then is emulated.

Speed: ViT-B/32 of random weights on the CPU, beside open_clip and transformers on the same weights in fp32.
Conclusions: the suite is asked of the exact and of the reduced model on the same images, and all rates,
differences and findings are compared, as `clip-audit embed --precision` does before it allows a precision.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from audit.commands.composed.precision import Reduced, measure
from benchmarks.interleaved_timing import HEADER, OURS, Race, race, report, rows
from benchmarks.reference_models import open_clip_reference, ours, transformers_reference
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import clip_tokenizer
from clipmodel.loading.embedding_model import LoadedModel
from clipmodel.loading.reduced_precision import load_reduced, reduction_name
from probes.datasets import load_dataset

ARCHITECTURE = "ViT-B/32"
ALL = 1 << 20
REDUCTIONS: tuple[tuple[Any, bool], ...] = (("bf16", False), ("fp16", False), ("int8", False), ("fp32", True))


def judged(model: str) -> list[Reduced]:
    """What conclusions are measured of: the reductions of the tower, and JPEG files decoded scaled."""
    towers = [
        Reduced(model=model, precision=precision, compiled=compiled) for precision, compiled in REDUCTIONS
    ]
    return [*towers, Reduced(model=model, precision="fp32", scaled=True)]


def save_random(folder: Path) -> None:
    """A ViT-B/32 of random weights as a model folder."""
    clip = ours(ARCHITECTURE)
    preprocess = Preprocess(image_size=clip.config.vision.image_size)
    LoadedModel(ARCHITECTURE, clip, clip_tokenizer(), preprocess).save(folder)


def speeds(folder: Path, *, images: int, rounds: int) -> Race:
    """All contenders in turns; the reduced ones must be near the exact one, or the comparison is refused."""
    pixels = torch.randn(images, 3, 224, 224)
    clip = ours(ARCHITECTURE)
    peer, other = open_clip_reference(clip, ARCHITECTURE), transformers_reference(clip)
    exact = load_reduced(folder)
    contenders: dict[str, Callable[[], Tensor]] = {
        OURS: lambda: exact.encode_image(pixels),
        "open_clip": lambda: peer.encode_image(pixels, normalize=True),
        "transformers": lambda: other.get_image_features(pixels).pooler_output,
    }
    for precision, compiled in REDUCTIONS:
        model = load_reduced(folder, precision=precision, compiled=compiled)
        contenders[f"{OURS}, {reduction_name(precision, compiled=compiled)}"] = lambda model=model: (
            model.encode_image(pixels)
        )
    with torch.inference_mode():
        reference = contenders[OURS]()
        for name, contender in contenders.items():
            nearest = torch.nn.functional.cosine_similarity(reference, contender().float()).min()
            if nearest < 0.98:
                raise RuntimeError(f"{name} computes something else: a cosine of {nearest:.3f}")
        return race(f"{ARCHITECTURE} images", contenders, unit="images", items=images, rounds=rounds)


def conclusions(model: str, data: str, suite: str, *, images: int) -> list[str]:
    """What each reduction does to an audit, a sentence each."""
    sentences = []
    for reduced in judged(model):
        found = measure(load_dataset(data), reduced, suite=suite, most_images=images)
        sentences.append(f"{suite}, {Path(model).name}: {found.sentence(reduced.name)}")
        print(sentences[-1], flush=True)
    return sentences


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fairface", metavar="KIND:PATH", help="real images to audit with random weights")
    parser.add_argument("--images", type=int, default=500, help="of them (default: 500)")
    parser.add_argument("--quick", action="store_true", help="little work: does it run? Writes nothing")
    options = parser.parse_args()
    images = 40 if options.quick else options.images
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "ViT-B-32-random"
        save_random(folder)
        one = speeds(folder, images=2 if options.quick else 16, rounds=1 if options.quick else 5)
        notes = [
            f"{name}: {1 / one.ratio(name):.2f} x as fast as fp32." for name in one.seconds if name != OURS
        ]
        print(*rows([one]), *notes, sep="\n", flush=True)  # the rest takes long where bf16 is emulated
        # All emoji: of a few hundred the smallest groups have two or three, and nothing is found.
        notes += conclusions("tiny", "emoji", "quickstart", images=images if options.quick else ALL)
        if options.fairface:
            notes += conclusions(str(folder), options.fairface, "datacomp", images=images)
    report(
        None if options.quick else "reduced_precision", "Image embedding with fewer bits",
        header=HEADER, lines=rows([one]), notes=notes,
    )  # fmt: skip


if __name__ == "__main__":
    main()
