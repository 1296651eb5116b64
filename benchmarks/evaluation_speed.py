"""Standard evaluation: zero-shot of 50,000 stored embeddings; the linear probe beside scikit-learn's grid.

Zero-shot: 50,000 images x 1,000 classes x 80 templates of 512 dimensions: the ensemble, every image's
answer, and the table of what each template adds (of a sample of the images, as the command does it). The
prompts are embedded before.

Linear probe: scikit-learn's digits, 700 images to fit, 300 to choose the strength, 797 to test. The paper's
search with our solver against all 97 strengths with scikit-learn, both to the same tolerance.

    python -m benchmarks.evaluation_speed
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings
from collections.abc import Iterator

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from audit.commands.composed.evaluation_runs import TEMPLATE_BUDGET
from clipmodel.evaluation.linear_probe.search import STEPS, fit_probe, strength_of
from clipmodel.evaluation.zero_shot_outcomes import ensembled, predict, template_outcomes

IMAGES, CLASSES, TEMPLATES, DIM, BLOCK = 50_000, 1_000, 80, 512, 4_096


def zero_shot(n_images: int) -> dict[str, float]:
    """Seconds and peak memory of one evaluation; the making of the images is not counted."""
    rng = torch.Generator().manual_seed(0)
    by_template = torch.nn.functional.normalize(torch.randn(TEMPLATES, CLASSES, DIM, generator=rng), dim=-1)
    truth = np.random.default_rng(0).integers(0, CLASSES, n_images)
    making = 0.0

    def blocks() -> Iterator[tuple[int, np.ndarray]]:
        nonlocal making
        for start in range(0, n_images, BLOCK):
            clock = time.perf_counter()
            noise = torch.randn(min(BLOCK, n_images - start), DIM, generator=rng)
            block = torch.nn.functional.normalize(noise, dim=-1).numpy()
            making += time.perf_counter() - clock
            yield start, block

    cpu, clock = time.process_time(), time.perf_counter()
    classes = ensembled(by_template)
    predict(blocks, classes, truth)
    answered = time.perf_counter() - clock - making
    most = max(TEMPLATE_BUDGET // (CLASSES * TEMPLATES), 1000)
    names = [str(t) for t in range(TEMPLATES)]
    template_outcomes(blocks, by_template, classes, truth, names=names, most=most, seed=0)
    return {
        "images": n_images,
        "answers_seconds": answered,
        "with_templates_seconds": time.perf_counter() - clock - making,
        "cpu_seconds": time.process_time() - cpu,
        "images_of_the_template_table": min(most, n_images),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def linear_probe(tolerance: float) -> dict[str, float]:
    """Seconds, chosen strength and test accuracy of both."""
    digits = load_digits()
    x, y = digits.data / 16, digits.target.astype(np.int64)
    train, validation, test = slice(0, 700), slice(700, 1000), slice(1000, None)
    clock = time.process_time()
    probe = fit_probe(
        x[train], y[train], classes=10, validation=(x[validation], y[validation]), tolerance=tolerance
    )
    ours = time.process_time() - clock
    scores = probe.classifier.scores(torch.from_numpy(x[test])).numpy()
    clock = time.process_time()
    accuracy = {}
    for step in range(STEPS + 1):
        model = LogisticRegression(C=1 / strength_of(step), tol=tolerance, max_iter=20_000)
        accuracy[step] = model.fit(x[train], y[train]).score(x[validation], y[validation])
    best = max(accuracy, key=lambda step: (accuracy[step], step))
    last = LogisticRegression(C=1 / strength_of(best), tol=tolerance, max_iter=20_000).fit(x[:1000], y[:1000])
    theirs = time.process_time() - clock
    return {
        "tolerance": tolerance,
        "our_cpu_seconds": ours,
        "scikit_learn_cpu_seconds": theirs,
        "times_faster": theirs / ours,
        "our_strength": probe.search.strength,
        "scikit_learn_strength": strength_of(best),
        "our_accuracy": float((scores.argmax(axis=1) == y[test]).mean()),
        "scikit_learn_accuracy": float(last.score(x[test], y[test])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("zero-shot", "linear-probe"), default=None)
    part = parser.parse_args().part
    warnings.simplefilter("ignore")
    rows = []
    if part != "linear-probe":
        rows += [zero_shot(IMAGES // 5), zero_shot(IMAGES)]
    if part != "zero-shot":
        rows += [linear_probe(1e-6)]
    for row in rows:
        print("; ".join(f"{name} {value:.6g}" for name, value in row.items()))


if __name__ == "__main__":
    main()
