"""Zero-shot classification of stored embeddings: every image's prediction, and what each template adds.

Images come in blocks, so memory does not grow with their number; only a few bytes per image are kept.

Shapes: N images, C classes, T templates, D joint embedding, K configurations of prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from clipmodel.array_types import Bools, Integers, Singles
from clipmodel.evaluation.registry.entry import SLOT

Blocks = Callable[[], Iterable[tuple[int, Singles]]]  # first row of each block, and its embeddings
TOP = 5
CHUNK = 512  # images whose scores stay in the processor's cache
ENSEMBLE, BARE = "ensemble of all templates", "class name alone"


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What a classifier answered.

    Attributes
    ----------
    predicted
        [N] the class of the highest similarity; of exactly equal ones the first, as CLIP_benchmark takes it.
    in_top5
        [N] whether the truth is among the five highest; all false with fewer than five classes.
    scores
        [N, C] cosine similarities, if they were asked for.
    """

    predicted: Integers
    in_top5: Bools
    scores: Singles | None = None


def prompts_of(
    classes: Sequence[Sequence[str]], templates: Sequence[str]
) -> tuple[list[list[str]], list[list[str]]]:
    """Prompts by template and class, [T][C x names]; and the bare names [C].

    Each template is filled with every name of a class.
    """
    filled = [[template.replace(SLOT, name) for names in classes for name in names] for template in templates]
    return filled, [list(names) for names in classes]


def template_embeddings(
    embed: Callable[[Sequence[str]], Singles], classes: Sequence[Sequence[str]], templates: Sequence[str]
) -> Tensor:
    """[T, C, D] for each template the mean over a class's names of their unit-norm embeddings, unnormalised.

    Unnormalised, so that the mean over templates weights every prompt alike (paper, section 3.1.4).

    Parameters
    ----------
    embed
        Texts to unit-norm embeddings [*, D].
    """
    filled, _ = prompts_of(classes, templates)
    sizes = [len(names) for names in classes]
    found = []
    for prompts in filled:
        rows = torch.from_numpy(np.ascontiguousarray(embed(prompts)))
        found.append(torch.stack([part.mean(dim=0) for part in torch.split(rows, sizes)]))
    return torch.stack(found)


def ensembled(by_template: Tensor, weights: Tensor | None = None) -> Tensor:
    """[C, D] unit-norm class embeddings: the renormalised mean over templates.

    Parameters
    ----------
    by_template
        [T, C, D].
    weights
        [T], for instance 0 for a template left out; all alike by default.
    """
    mean = by_template.mean(dim=0) if weights is None else torch.tensordot(weights, by_template, dims=1)
    return torch.nn.functional.normalize(mean, dim=-1)


def predict(
    blocks: Blocks,
    classes: Tensor,
    truth: Integers | None,
    *,
    keep_scores: bool = False,
    groups: Sequence[Sequence[int]] | None = None,
) -> Predictions:
    """Predict every image.

    Parameters
    ----------
    blocks
        Embeddings [n, D] block by block.
    classes
        [C, D] unit-norm class embeddings.
    truth
        [N], or None for a set of several labels per image.
    keep_scores
        Whether to return similarities, [N, C] of memory.
    groups
        Which of the classes asked are one class of the set; see `restricted`.
    """
    predicted, in_top, scores = [], [], []
    for start, images in _chunks(blocks):
        similarity = images @ classes.T
        if groups is not None:
            similarity = restricted(similarity, groups)
        found = similarity.numpy()
        predicted.append(found.argmax(axis=1))
        if truth is not None and found.shape[1] >= TOP:
            in_top.append(rank_of(found, truth[start : start + len(images)]) < TOP)
        if keep_scores:
            scores.append(found)
    answers = np.concatenate(predicted) if predicted else np.zeros(0, dtype=np.int64)
    return Predictions(
        predicted=answers.astype(np.int64),
        in_top5=np.concatenate(in_top) if in_top else np.zeros(len(answers), dtype=bool),
        scores=np.concatenate(scores) if scores else None,
    )


def _chunks(blocks: Blocks) -> Iterator[tuple[int, Tensor]]:
    """First row and embeddings of as many images as keep their scores in the processor's cache."""
    for first, block in blocks():
        for start in range(0, len(block), CHUNK):
            yield first + start, torch.from_numpy(block[start : start + CHUNK])


def rank_of(scores: Singles, own: Integers) -> Integers:
    """[N] how many classes come before an image's own: those of a higher score, and equal ones before it.

    Counting takes half the time of a partial sort of all classes.

    Examples
    --------
    >>> rank_of(np.array([[0.1, 0.9, 0.5, 0.5]], dtype=np.float32), np.array([3])).tolist()
    [2]
    """
    mine = np.take_along_axis(scores, own[:, None], axis=1)
    higher, at_least = _count(scores > mine), _count(scores >= mine)
    # Ties are rare: the order among them is looked up only in rows that have some.
    tied = np.flatnonzero(at_least - higher > 1)
    before = np.arange(scores.shape[1]) < own[tied, None]
    higher[tied] += ((scores[tied] == mine[tied]) & before).sum(axis=1)
    return higher


def _count(true: Bools) -> Integers:
    """[N] how many of a row are true; a sum of bytes is faster than one of truths."""
    return np.asarray(true.view(np.int8).sum(axis=1, dtype=np.int32), dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class TemplateOutcomes:
    """Which images each configuration of prompts gets right.

    Attributes
    ----------
    names
        K names: the ensemble, the class name alone, each template alone.
    right
        [K, n] for n images.
    left_out
        [T, n] the ensemble without one template; the same as the ensemble if there is only one.
    rows
        [n] the images that were asked.
    """

    names: Sequence[str]
    right: Bools
    left_out: Bools
    rows: Integers


def template_outcomes(
    blocks: Blocks,
    by_template: Tensor,
    bare: Tensor,
    truth: Integers,
    *,
    names: Sequence[str],
    most: int,
    seed: int,
) -> TemplateOutcomes:
    """Ask every template alone, and the ensemble without it.

    The scores of an ensemble without a template follow from those of the ensemble and of the template, so
    each template costs one product with the images.

    Parameters
    ----------
    by_template
        [T, C, D] from `template_embeddings`.
    bare
        [C, D] unit-norm embeddings of the class names alone.
    names
        T templates.
    most
        Of more images a random sample of this size is asked: T products of all images would take minutes.
    seed
        Of the sample.
    """
    n_images = len(truth)
    rows = np.arange(n_images)
    if n_images > most:
        # Sorted, since the images come block by block in order.
        rows = np.sort(np.random.default_rng(seed).choice(n_images, most, replace=False))
    asker = _Asker.of(by_template, bare)
    right: list[Bools] = []
    left_out: list[Bools] = []
    for images, own in _chosen(blocks, rows, truth):
        for start in range(0, len(images), CHUNK):
            answers, without = asker(images[start : start + CHUNK])
            right.append((answers == own[start : start + CHUNK]).numpy())
            left_out.append((without == own[start : start + CHUNK]).numpy())
    return TemplateOutcomes(
        names=[ENSEMBLE, BARE, *names],
        right=np.concatenate(right, axis=1) if right else np.zeros((len(names) + 2, 0), dtype=bool),
        left_out=np.concatenate(left_out, axis=1) if left_out else np.zeros((len(names), 0), dtype=bool),
        rows=rows,
    )


@dataclass(frozen=True)
class _Asker:
    """Asks all configurations of a few images; only predictions are kept, no scores."""

    by_template: Tensor  # [T, C, D]
    total: Tensor  # [C, D]
    ready: Tensor  # [2, C, D] the ensemble and the bare names
    alone: Tensor  # [T, C] one over the norms of each template's embeddings
    rest: Tensor  # [T, C] one over those of the ensemble without it

    @classmethod
    def of(cls, by_template: Tensor, bare: Tensor) -> _Asker:
        total = by_template.sum(dim=0)
        # The ensemble without one template is the sum minus that template, renormalised: its scores are a
        # difference of two products that are there already.
        rest = torch.stack([(total - own).norm(dim=-1) for own in by_template])
        ready = torch.stack([torch.nn.functional.normalize(total, dim=-1), bare])
        alone = by_template.norm(dim=-1)
        # A template equal to the whole ensemble leaves a sum of zero; the floor keeps its scores finite.
        return cls(by_template, total, ready, 1 / alone.clamp_min(1e-12), 1 / rest.clamp_min(1e-12))

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions [T + 2, n] of each configuration, and [T, n] of the ensemble without each template."""
        answers = [_best(images @ classes.T) for classes in self.ready]
        sums = images @ self.total.T
        score, other = torch.empty_like(sums), torch.empty_like(sums)
        without = []
        for t, own in enumerate(self.by_template):
            # Into the same two buffers for every template: T allocations of [n, C] would cost more than the
            # product.
            torch.mm(images, own.T, out=score)
            torch.sub(sums, score, out=other).mul_(self.rest[t])
            answers.append(_best(score.mul_(self.alone[t])))
            without.append(_best(other) if len(self.by_template) > 1 else answers[0])
        return torch.stack(answers), torch.stack(without)


def _best(scores: Tensor) -> Tensor:
    """[n] the class of the highest score, of equal ones the first; numpy takes a tenth of torch's time."""
    return torch.from_numpy(scores.numpy().argmax(axis=1))


def _chosen(blocks: Blocks, rows: Integers, truth: Integers) -> Iterator[tuple[Tensor, Tensor]]:
    """Embeddings and truths of the chosen rows, block by block."""
    for start, block in blocks():
        first, last = np.searchsorted(rows, [start, start + len(block)])
        if last > first:
            own = rows[first:last]
            yield torch.from_numpy(np.ascontiguousarray(block[own - start])), torch.from_numpy(truth[own])


def restricted(scores: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """[N, G] scores of merged classes: the highest of each group's classes.

    ObjectNet's 113 classes as maxima over 1,000 ImageNet classes, and, with one class each, the 200 classes
    of ImageNet-A and -R out of 1,000 (Taori et al. 2020).
    """
    return torch.stack([scores[:, list(group)].amax(dim=1) for group in groups], dim=1)
