"""What the result file of an evaluation says besides its metrics: images, weights, seed, licence, digests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audit.evaluation.evaluation_result import EvaluationResult
from clipmodel import __version__

if TYPE_CHECKING:
    import pandas as pd

    from audit.evaluation.estimates import Estimate
    from clipmodel.evaluation.readers.evaluation_set import EvaluationSet
    from clipmodel.loading import EmbeddingModel
    from probes.embeddings.embed import EmbeddedImages


def details_of(
    model: EmbeddingModel, opened: EvaluationSet, images: EmbeddedImages, *, seed: int
) -> dict[str, Any]:
    """What CLIP_benchmark's files lack."""
    ids = opened.images.ids
    return {
        "images": len(images.rows),
        "unreadable": [{"id": ids[row], "reason": why} for row, why in sorted(images.unreadable.items())],
        "seed": seed,
        "preprocessing": model.preprocess_id,
        "fingerprint": model.fingerprint,
        "images_sha256": images.content_sha256,
        "labels_sha256": _labels_sha256(opened),
        "where": opened.where,
        "title": opened.entry.title,
        "source": opened.entry.source,
        "licence": opened.entry.licence_words,
        "chance": opened.entry.chance,
        "notes": list(opened.notes),
        "made_by": f"clip-audit {__version__}",
    }


def _labels_sha256(opened: EvaluationSet) -> str:
    # Names and prompts count as labels: other words make another evaluation of the same images.
    digest = hashlib.sha256(repr((opened.classes, opened.templates, opened.captions)).encode())
    for labels in (opened.truth, opened.multilabel, opened.pairs):
        digest.update(b"-" if labels is None else labels.tobytes())
    for one in opened.candidate_sets:
        digest.update(one.images.tobytes() + one.right.tobytes())
    return digest.hexdigest()


def result_of(
    identity: tuple[str, str],
    opened: EvaluationSet,
    task: str,
    metrics: Mapping[str, Estimate],
    main: str,
    details: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
) -> EvaluationResult:
    """The result of a task, under the names of the model (`identity`: model and weights) and the set."""
    model, pretrained = identity
    return EvaluationResult(
        dataset=opened.name,
        model=model,
        pretrained=pretrained,
        task=task,
        metrics=metrics,
        main_metric=main,
        language=opened.language,
        details=details,
        tables=tables,
    )
