"""What binds a ViT-B/32 image tower in fp32 on a CPU: each part of a block beside a large matrix product.

    python -m benchmarks.tower_parts

Each part of a block is timed alone, at the shapes of a batch of 16 and of 64 images, in turns with a product
of two 2048 x 2048 matrices, and the large layers also with prepacked weights, by MKL and by oneDNN. CPU
seconds of one thread: what is compared is how well a part uses a core, not how well cores share the work.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.interleaved_timing import machine

SIDE, LENGTH, WIDTH, HEADS, LAYERS = 2048, 50, 768, 12, 12
BATCHES = (16, 64)
ROUNDS = 9
Job = tuple[Callable[[], object], float]  # and its floating-point operations


def linear(rows: int, inputs: int, outputs: int) -> Job:
    """A layer as the tower has it."""
    x, weight, bias = torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(outputs)
    return lambda: F.linear(x, weight, bias), 2.0 * rows * inputs * outputs


def prepacked(rows: int, inputs: int, outputs: int, *, by: str) -> Job:
    """The same layer, its weight stored once in the blocks in which the library reads it."""
    x, weight, bias = torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(outputs)
    operations = 2.0 * rows * inputs * outputs
    if by == "MKL":
        stored: Tensor = torch.ops.mkl._mkl_reorder_linear_weight(weight, rows)
        return lambda: torch.ops.mkl._mkl_linear(x, stored, weight, bias, rows), operations
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, rows)
    return lambda: torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], ""), operations


def parts(images: int) -> dict[str, Job]:
    """The parts of one block, forward."""
    rows = images * LENGTH
    x, wide = torch.randn(images, LENGTH, WIDTH), torch.randn(images, LENGTH, 4 * WIDTH)
    gain, shift = torch.ones(WIDTH), torch.zeros(WIDTH)
    heads = torch.randn(3, images, HEADS, LENGTH, WIDTH // HEADS)
    attention = 4.0 * images * LENGTH * LENGTH * WIDTH
    large = {
        "q, k, v": (WIDTH, 3 * WIDTH),
        "MLP, first": (WIDTH, 4 * WIDTH),
        "MLP, second": (4 * WIDTH, WIDTH),
    }
    jobs = {name: linear(rows, *sizes) for name, sizes in large.items()}
    jobs |= {
        "output": linear(rows, WIDTH, WIDTH),
        "attention": (lambda: F.scaled_dot_product_attention(*heads), attention),
        "QuickGELU": (lambda: F.silu(1.702 * wide) / 1.702, 0.0),
        "two norms": (lambda: [F.layer_norm(x, (WIDTH,), gain, shift) for _ in range(2)], 0.0),
        "two sums": (lambda: [x + x for _ in range(2)], 0.0),
    }
    for by in ("MKL", "oneDNN"):
        jobs |= {f"{name}, prepacked, {by}": prepacked(rows, *sizes, by=by) for name, sizes in large.items()}
    return jobs


def timed(jobs: dict[str, Job], rounds: int = ROUNDS) -> dict[str, float]:
    """Median CPU seconds of each job, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    with torch.inference_mode():
        for number in range(rounds + 1):
            for name, (call, _) in jobs.items():
                begun = time.process_time()
                call()
                if number:  # the first round warms up
                    seconds[name].append(time.process_time() - begun)
    return {name: statistics.median(each) for name, each in seconds.items()}


def report(images: int, rounds: int = ROUNDS) -> list[str]:
    """Rows of a table: share of a block's time, and rate beside that of the large product."""
    left, right = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    jobs = {"product": (lambda: left @ right, 2.0 * SIDE**3), **parts(images)}
    seconds = timed(jobs, rounds)
    peak = 2.0 * SIDE**3 / seconds["product"]
    block = sum(value for name, value in seconds.items() if name != "product" and "prepacked" not in name)
    rows = [f"| {images} | {SIDE}-cubed product | | {peak / 1e9:.1f} | 1.00 |"]
    for name, (_, operations) in list(jobs.items())[1:]:
        share = "" if "prepacked" in name else f"{seconds[name] / block:.1%}"
        rate = operations / seconds[name]
        rows.append(f"| {images} | {name} | {share} | {rate / 1e9:.1f} | {rate / peak:.2f} |")
    whole = sum(work for name, (_, work) in jobs.items() if name != "product" and "prepacked" not in name)
    rows.append(f"| {images} | a block | 100 % | {whole / block / 1e9:.1f} | {whole / block / peak:.2f} |")
    return rows


def main() -> None:
    torch.set_num_threads(1)
    print(f"{machine()}\n\n| images | part | share of a block | GFLOP / CPU s | of the product |")
    print("|---:|---|---:|---:|---:|")
    for images in BATCHES:
        print("\n".join(report(images)), flush=True)


if __name__ == "__main__":
    main()
