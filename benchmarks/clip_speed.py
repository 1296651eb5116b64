"""Images and texts a second of ViT-B/32 and RN50, against open_clip and transformers on the same weights.

    python -m benchmarks.clip_speed            # about ten minutes on two cores
    python -m benchmarks.clip_speed --quick    # one round of small batches: does it run?

fp32 on the CPU, no gradients. Peers as `make peers` installs them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.interleaved_timing import (
    HEADER,
    OURS,
    Race,
    asked_for_quick,
    matmul_peak,
    one_thread,
    race,
    report,
    rows,
)
from benchmarks.reference_models import largest_difference, open_clip_reference, ours, transformers_reference
from clipmodel.architecture.clip import CLIP
from clipmodel.architecture.text_transformer import trim_padding
from clipmodel.inputs.tokenizer import clip_tokenizer

COMPILED = f"{OURS}, torch.compile"
CAPTION = "a photo of a dog that runs over the wet grass"  # 12 tokens with start and end


@dataclass(frozen=True, kw_only=True)
class Size:
    images: int
    texts: int
    rounds: int


def image_race(name: str, size: Size, *, goal: float) -> tuple[Race, list[str]]:
    """Images a second, and notes on what binds."""
    clip = ours(name)
    pixels = torch.randn(size.images, 3, 224, 224)
    contenders: dict[str, Callable[[], Tensor]] = {OURS: lambda: clip.encode_image(pixels)}
    peer = open_clip_reference(clip, name)
    contenders["open_clip"] = lambda: peer.encode_image(pixels, normalize=True)
    if name.startswith("ViT"):
        other = transformers_reference(clip)
        contenders["transformers"] = lambda: other.get_image_features(pixels).pooler_output
    _require_same(contenders)
    result = race(
        f"{name} images", contenders, unit="images", items=size.images, rounds=size.rounds, goal=goal
    )
    return result, [_what_binds(clip, pixels, result)]


def compile_race(name: str, size: Size) -> Race:
    """Images a second with torch.compile and without."""
    clip = ours(name)
    pixels = torch.randn(size.images, 3, 224, 224)
    compiled = torch.compile(clip.visual)
    contenders = {
        OURS: lambda: clip.encode_image(pixels),
        COMPILED: lambda: torch.nn.functional.normalize(compiled(pixels), dim=-1),
    }
    _require_same(contenders)
    return race(f"{name} images, compiled", contenders, unit="images", items=size.images, rounds=size.rounds)


def text_race(size: Size, *, goal: float) -> Race:
    """Texts a second, in one thread; the peers always compute all 77 positions."""
    clip = ours("ViT-B/32")
    peer = open_clip_reference(clip, "ViT-B/32")
    other = transformers_reference(clip)
    tokenizer = clip_tokenizer()
    tokens = tokenizer([f"{CAPTION} {number}" for number in range(size.texts)])
    contenders: dict[str, Callable[[], Tensor]] = {
        OURS: lambda: clip.encode_text(trim_padding(tokens)),
        "open_clip": lambda: peer.encode_text(tokens, normalize=True),
        "transformers": lambda: other.get_text_features(tokens).pooler_output,
    }
    _require_same(contenders)
    length = trim_padding(tokens).shape[1]
    work = f"ViT-B/32 texts of {length} tokens, 1 thread"
    # On cores that others use too, the small matrices of short texts make threads wait for one another.
    with one_thread():
        return race(work, contenders, unit="texts", items=size.texts, rounds=size.rounds, goal=goal)


def _require_same(contenders: dict[str, Callable[[], Tensor]]) -> None:
    reference = contenders[OURS]()
    for name, contender in contenders.items():
        difference = largest_difference(reference, contender())
        if difference > 1e-5:
            raise RuntimeError(f"{name} computes something else: embeddings differ by {difference:.1e}")


def _what_binds(clip: CLIP, pixels: Tensor, result: Race) -> str:
    """Fraction of the machine's matrix multiply, and which operators take the time."""
    with FlopCounterMode(display=False) as counter:
        clip.encode_image(pixels[:1])
    operations = counter.get_total_flops()
    peak = matmul_peak()
    fraction = operations * result.speed(OURS) / peak
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        clip.encode_image(pixels)
    times = sorted(((e.self_cpu_time_total, e.key) for e in profiler.key_averages()), reverse=True)
    total = sum(time for time, _ in times)
    shares = ", ".join(f"{key.removeprefix('aten::')} {time / total:.0%}" for time, key in times[:4])
    return (
        f"{result.work}: {operations / 1e9:.1f} GFLOP an image, {fraction:.0%} of the {peak / 1e9:.0f} "
        f"GFLOP/s that a matrix multiply of 2048 x 2048 reaches; time goes to {shares}."
    )


def main() -> None:
    quick = asked_for_quick(__doc__)
    size = Size(images=2, texts=4, rounds=1) if quick else Size(images=16, texts=32, rounds=5)
    notes = [
        "Texts: under a causal mask the positions after the longest of a batch change nothing; left out.",
        f"Medians of {size.rounds} rounds in turns; batches of {size.images} images, {size.texts} texts.",
    ]
    with torch.inference_mode():
        vit, vit_notes = image_race("ViT-B/32", size, goal=1.0)
        resnet, resnet_notes = image_race("RN50", size, goal=1.2)
        races = [vit, resnet, text_race(size, goal=4.0)]
        notes = [*vit_notes, *resnet_notes, *notes]
        _report(races, notes, quick=quick)  # compiling takes minutes: what is known is written first
        for name in ("ViT-B/32", "RN50"):
            races.append(compile_race(name, size))
            notes.append(f"torch.compile makes {name} {1 / races[-1].ratio(COMPILED):.2f} x as fast.")
            _report(races, notes, quick=quick)


def _report(races: list[Race], notes: list[str], *, quick: bool) -> None:
    name = None if quick else "clip_speed"
    report(name, "Speed of the towers", header=HEADER, lines=rows(races), notes=notes)


if __name__ == "__main__":
    main()
