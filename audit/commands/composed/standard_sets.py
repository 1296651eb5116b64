"""`run --standard`: the audited model's accuracy on evaluation sets, read from results or evaluated now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from audit.commands.composed.evaluation_runs import ModelRun, Options, Progress, evaluate
from audit.evaluation.evaluation_result import EvaluationResult
from audit.evaluation.standard_accuracy import results_of, standard_accuracy

if TYPE_CHECKING:
    from clipmodel.loading import EmbeddingModel
    from probes.embeddings.embed import EmbeddingStore


def standard_table(
    wanted: Sequence[str],
    model: EmbeddingModel,
    *,
    spec: str,
    store: EmbeddingStore,
    cache: Path,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """The table `standard` of an audit.

    Parameters
    ----------
    wanted
        Each the --out folder of `clip-audit evaluate`, or a set as `evaluate --on` takes it.
    model, spec
        The audited model, and how it was named.
    cache
        Folder for sets that are downloaded.

    Raises
    ------
    UserError
        A folder has no results of these weights, or a set cannot be evaluated.
    """
    found: list[EvaluationResult] = []
    for name in wanted:
        folder = Path(name)
        if folder.is_dir():
            # By the fingerprint of the weights: a result of another model under the same name is refused.
            found += results_of(folder, model.fingerprint)
        else:
            run = ModelRun(model, spec, store, progress)
            found.append(evaluate(run, name, None, Options(), cache=cache))
    return standard_accuracy(found)
