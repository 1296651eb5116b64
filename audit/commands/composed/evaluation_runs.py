"""A model on evaluation sets: embeds once, asks each task, and hands over results. Commands call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from audit.commands.composed.evaluation_details import details_of, result_of
from audit.evaluation.candidate_choices import JACCARD, Choice, choice_table, selection_metrics
from audit.evaluation.classification import (
    Answers,
    classification_metrics,
    confusion_table,
    group_table,
    image_table,
    multilabel_metrics,
    per_class_table,
    template_table,
)
from audit.evaluation.evaluation_result import EvaluationResult
from audit.evaluation.few_shot_table import few_shot_table
from audit.evaluation.retrieval_estimates import Queries, prompt_effect, query_table, retrieval_metrics
from clipmodel.errors import UserError

if TYPE_CHECKING:
    from clipmodel.evaluation.readers.evaluation_set import EvaluationSet
    from clipmodel.loading import EmbeddingModel
    from probes.embeddings.embed import EmbeddedImages, EmbeddingStore

KS = (1, 5, 10)
# The prompt that the paper puts before captions for retrieval (Radford et al. 2021, table 13).
PROMPT = "a photo of"
TEMPLATE_BUDGET = 160_000_000  # images x classes x templates of the template table; more are sampled
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a run is asked for.

    Attributes
    ----------
    root, split, language
        As for `open_set`.
    train
        Where a linear probe is fitted, if not on the train split of the same set.
    few_shot
        Whether a linear probe is followed by a few-shot curve.
    seed
        Of bootstraps, held-out images and draws.
    all_templates
        Ask each template of every image, however long it takes.
    """

    root: Path | None = None
    split: str = "test"
    language: str = "en"
    train: str | None = None
    few_shot: bool = False
    seed: int = 0
    all_templates: bool = False


@dataclass(frozen=True)
class ModelRun:
    """A loaded model, how result files name it, and where its embeddings are stored."""

    model: EmbeddingModel
    spec: str
    store: EmbeddingStore
    progress: Progress | None = None

    @cached_property
    def identity(self) -> tuple[str, str]:
        """CLIP_benchmark's `model` and `pretrained`."""
        return model_identity(self.spec)

    def embed(self, opened: EvaluationSet, *, features: bool = False) -> EmbeddedImages:
        """Embeddings of all images that can be read; features before the projection for a linear probe."""
        from clipmodel.evaluation.features import FeatureModel
        from probes.datasets.formats.plain_images import PlainImages
        from probes.embeddings.embed import embed_dataset

        model: Any = FeatureModel(self.model) if features else self.model
        made = embed_dataset(
            model, PlainImages(opened), range(len(opened)), store=self.store, progress=self.progress
        )
        if not len(made.rows):
            reason = next(iter(made.unreadable.values()), "none")
            raise UserError(f"{opened.where}: no image can be read ({reason})", remedy="check the images")
        return made

    def texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit-norm embeddings of texts."""
        from probes.embeddings.embed import embed_texts

        return embed_texts(self.model, texts, store=self.store)


def model_identity(spec: str) -> tuple[str, str]:
    """The model and the weights in a specification, as CLIP_benchmark has them apart.

    Examples
    --------
    >>> model_identity("open_clip:ViT-B-32/laion2b_s34b_b79k")
    ('ViT-B-32', 'laion2b_s34b_b79k')
    >>> model_identity("tiny")
    ('tiny', 'bundled')
    """
    from clipmodel.loading import BUNDLED

    kind, _, rest = spec.partition(":")
    if spec in BUNDLED:
        return spec, "bundled"
    if kind == "open_clip" and rest:
        architecture, _, tag = rest.partition("/")
        return architecture, tag
    if kind == "hf" and rest:
        return rest, "hf"
    path = Path(spec)
    return path.stem if path.suffix else path.name or spec, spec


def open_evaluation_set(
    spec: str, options: Options, *, cache: Path, split: str | None = None
) -> EvaluationSet:
    """The embedded emoji, or what `open_set` opens."""
    from clipmodel.evaluation.readers.open_set import open_set
    from probes.datasets.emoji_evaluation import NAMES, emoji_set

    wanted = split or options.split
    if spec in NAMES:
        return emoji_set(spec, split=wanted)
    return open_set(spec, root=options.root, split=wanted, language=options.language, cache=cache)


def evaluate(
    run: ModelRun, spec: str, task: str | None, options: Options, *, cache: Path
) -> EvaluationResult:
    """One model on one set.

    Raises
    ------
    UserError
        The set cannot be opened, or does not fit the task.
    """
    opened = open_evaluation_set(spec, options, cache=cache)
    chosen = task or (opened.entry.task if opened.captions or opened.classes else "zeroshot_classification")
    if chosen == "zeroshot_retrieval":
        return _retrieval(run, opened, options)
    if chosen == "linear_probe":
        return _linear_probe(run, opened, spec, options, cache=cache)
    if chosen == "zeroshot_classification":
        return _zero_shot(run, opened, options)
    if chosen == "image_selection":
        return _selection(run, opened, options)
    raise UserError(
        f"no task {chosen!r}",
        remedy="zeroshot_classification, linear_probe, zeroshot_retrieval, image_selection",
    )


def _zero_shot(run: ModelRun, opened: EvaluationSet, options: Options) -> EvaluationResult:
    from clipmodel.evaluation.zero_shot_outcomes import ensembled, predict, template_embeddings

    _need_labels(opened)
    images = run.embed(opened)
    names, templates, groups = _asked_classes(opened)
    by_template = template_embeddings(run.texts, names, templates)
    classes = ensembled(by_template)
    details = details_of(run.model, opened, images, seed=options.seed) | {
        "n_templates": len(opened.templates),
        "templates": list(opened.templates),
        "classnames": [names[0] if len(names) == 1 else list(names) for names in opened.classes],
    }
    main = opened.entry.metric
    if opened.multilabel is not None:
        found = predict(images.blocks, classes, None, keep_scores=True)
        assert found.scores is not None
        truth = opened.multilabel[images.rows]
        wanted = main if main in ("mean_average_precision", "map_11_point") else "mean_average_precision"
        metrics = multilabel_metrics(found.scores, truth, main=wanted, seed=options.seed)
        return result_of(run.identity, opened, "zeroshot_classification", metrics, wanted, details, {})
    assert opened.truth is not None
    truth = opened.truth[images.rows]
    # Scores of all classes are kept only if the metric needs them: they are N x C numbers.
    found = predict(images.blocks, classes, truth, keep_scores=main == "roc_auc", groups=groups)
    answers = _answers(opened, images, found.predicted, found.in_top5, found.scores)
    metrics = classification_metrics(answers, main=main, seed=options.seed)
    tables = _answer_tables(opened, answers)
    # A set with the bare name alone has no template to compare.
    if groups is None and (len(opened.templates) > 1 or opened.templates[0] != "{}"):
        tables["templates"] = _templates(run, opened, images, by_template, truth, answers, options)
    return result_of(run.identity, opened, "zeroshot_classification", metrics, main, details, tables)


def _asked_classes(
    opened: EvaluationSet,
) -> tuple[Sequence[Sequence[str]], Sequence[str], Sequence[Sequence[int]] | None]:
    """Class names and templates that are asked, and for merged classes which of them are one."""
    from clipmodel.evaluation.readers.evaluation_set import named_classes
    from clipmodel.evaluation.readers.subsets import subset_groups
    from clipmodel.evaluation.registry.catalogue import load_entry

    if opened.entry.scored_by is None:
        return opened.classes, opened.templates, None
    other = load_entry(opened.entry.scored_by)
    if other.class_names is None or not other.templates:
        raise UserError(f"{other.name}: no class names or templates", remedy="name another set in scored_by")
    # In lower case, as the catalogue asks ObjectNet's names.
    groups = dict(
        zip((own[0].lower() for own in named_classes(opened.entry)), subset_groups(opened.entry), strict=True)
    )
    names = [own[0].lower() for own in opened.classes]
    if unknown := [name for name in names if name not in groups]:
        raise UserError(
            f"{opened.where}: {unknown[0]!r} is no class of {opened.entry.subset}",
            remedy="give the set with its published class names",
        )
    return other.class_names, other.templates, [groups[name] for name in names]


def _templates(
    run: ModelRun,
    opened: EvaluationSet,
    images: EmbeddedImages,
    by_template: Any,
    truth: NDArray[np.int64],
    answers: Answers,
    options: Options,
) -> pd.DataFrame:
    from clipmodel.evaluation.zero_shot_outcomes import ensembled, template_embeddings, template_outcomes

    bare = ensembled(template_embeddings(run.texts, opened.classes, ["{}"]))
    most = (
        # At least 1,000 images: the accuracy of a template is then known to 3 points either way.
        len(truth) if options.all_templates else max(TEMPLATE_BUDGET // (len(bare) * len(by_template)), 1000)
    )
    found = template_outcomes(
        images.blocks, by_template, bare, truth, names=opened.templates, most=most, seed=options.seed
    )
    clusters = None if answers.clusters is None else [answers.clusters[row] for row in found.rows]
    return template_table(found.names, found.right, found.left_out, clusters=clusters)


def _answers(
    opened: EvaluationSet,
    images: EmbeddedImages,
    predicted: NDArray[np.int64],
    in_top5: NDArray[np.bool_],
    scores: NDArray[np.floating] | None = None,
) -> Answers:
    rows = images.rows
    assert opened.truth is not None
    return Answers(
        ids=[opened.images.ids[row] for row in rows],
        truth=opened.truth[rows],
        predicted=predicted,
        in_top5=in_top5,
        classes=[" / ".join(names) for names in opened.classes],
        scores=scores,
        clusters=None if opened.clusters is None else [opened.clusters[row] for row in rows],
        groups=_groups(opened, rows),
    )


def _groups(opened: EvaluationSet, rows: NDArray[np.int64]) -> list[str | None] | None:
    """The groups of a worst-group metric; None for a value that counts for none."""
    column = opened.entry.worst_over
    if column is None:
        return None
    if opened.metadata is None or column not in opened.metadata:
        raise UserError(
            f"{opened.where}: no metadata {column!r}, whose worst group {opened.entry.metric} is",
            remedy="the set needs a column of that name, or KEY.npy in its shards",
        )
    out = {str(value) for value in opened.entry.leave_out}
    return [None if str(value) in out else str(value) for value in opened.metadata[column].iloc[rows]]


def _answer_tables(opened: EvaluationSet, answers: Answers) -> dict[str, pd.DataFrame]:
    tables = {
        "images": image_table(answers),
        "per_class": per_class_table(answers),
        "confusion": confusion_table(answers),
    }
    if answers.groups is not None:
        right = answers.in_top5 if opened.entry.metric.endswith("5") else answers.truth == answers.predicted
        tables["groups"] = group_table(right, answers.groups)
    return tables


def _linear_probe(
    run: ModelRun, opened: EvaluationSet, spec: str, options: Options, *, cache: Path
) -> EvaluationResult:
    from clipmodel.evaluation.features import FeatureModel
    from clipmodel.evaluation.linear_probe.probe_answers import few_shot_answers, probe_answers

    _need_labels(opened)
    if opened.multilabel is not None:
        raise UserError(f"{opened.where}: a linear probe needs one label per image", remedy="use zero-shot")
    train = open_evaluation_set(options.train or spec, options, cache=cache, split="train")
    _need_labels(train)
    if len(train.classes) != len(opened.classes):
        raise UserError(
            f"{train.where}: {len(train.classes)} classes, but {len(opened.classes)} in {opened.where}",
            remedy="train and test must have the same classes",
        )
    images, own = run.embed(opened, features=True), run.embed(train, features=True)
    assert opened.truth is not None and train.truth is not None
    train_set = (own.embeddings, train.truth[own.rows])
    test_set = (images.embeddings, opened.truth[images.rows])
    probe = probe_answers(train_set, test_set, classes=len(opened.classes), seed=options.seed)
    answers = _answers(opened, images, probe.predicted, probe.in_top5, probe.scores)
    main = opened.entry.metric
    metrics = classification_metrics(answers, main=main, seed=options.seed, prefix="lp_")
    tables = _answer_tables(opened, answers) | {"strengths": pd.DataFrame(probe.tried)}
    if options.few_shot:
        shots = few_shot_answers(train_set, test_set, classes=len(opened.classes))
        tables["few_shot"] = few_shot_table(shots, clusters=answers.clusters)
    details = details_of(run.model, opened, images, seed=options.seed) | {
        "features": FeatureModel(run.model).kind,
        "train_images": len(own.rows),
        "train_where": train.where,
        "strength": probe.strength,
        "converged": probe.converged,
    }
    return result_of(run.identity, opened, "linear_probe", metrics, f"lp_{main}", details, tables)


def _retrieval(run: ModelRun, opened: EvaluationSet, options: Options) -> EvaluationResult:
    if not opened.captions or opened.pairs is None:
        raise UserError(
            f"{opened.where}: no captions, which retrieval needs", remedy="give a set with captions"
        )
    images = run.embed(opened)
    # -1 for images that could not be read: their pairs are left out.
    place = np.full(len(opened), -1, dtype=np.int64)
    place[images.rows] = np.arange(len(images.rows))
    pairs = np.stack([place[opened.pairs[:, 0]], opened.pairs[:, 1]], axis=1)
    pairs = pairs[pairs[:, 0] >= 0]
    plain = _queries(run, opened, images, pairs, opened.captions)
    texts = tuple(f"{PROMPT} {caption}" for caption in opened.captions)
    prompted = _queries(run, opened, images, pairs, texts)
    metrics = retrieval_metrics(plain, KS, seed=options.seed)
    tables = {
        "images": query_table(plain, KS),
        "prompt_effect": prompt_effect(plain, prompted, KS, prompt=PROMPT),
    }
    details = details_of(run.model, opened, images, seed=options.seed) | {
        "captions": len(opened.captions),
        "pairs": len(pairs),
    }
    return result_of(run.identity, opened, "zeroshot_retrieval", metrics, "mean_recall@1", details, tables)


def _selection(run: ModelRun, opened: EvaluationSet, options: Options) -> EvaluationResult:
    if not opened.candidate_sets:
        raise UserError(f"{opened.where}: no candidates to select from", remedy="give winogavil:PATH")
    images = run.embed(opened)
    place = np.full(len(opened), -1, dtype=np.int64)
    place[images.rows] = np.arange(len(images.rows))
    vectors, cues = images.embeddings, run.texts(opened.captions)
    # A question with an image that cannot be read is another question: it is left out.
    asked = [one for one in opened.candidate_sets if (place[one.images] >= 0).all()]
    choices = [
        Choice(scores=vectors[place[one.images]] @ cues[one.caption], right=one.right) for one in asked
    ]
    cue_names = [opened.captions[one.caption] for one in asked]
    details = details_of(run.model, opened, images, seed=options.seed) | {
        "questions": len(asked), "questions_left_out": len(opened.candidate_sets) - len(asked),
    }  # fmt: skip
    metrics = selection_metrics(choices, cue_names, seed=options.seed)
    tables = {"images": choice_table(choices, cue_names)}
    return result_of(run.identity, opened, "image_selection", metrics, JACCARD, details, tables)


def _queries(
    run: ModelRun,
    opened: EvaluationSet,
    images: EmbeddedImages,
    pairs: NDArray[np.int64],
    texts: Sequence[str],
) -> dict[str, Queries]:
    from clipmodel.evaluation.retrieval import outcomes_of_arrays

    ids = [opened.images.ids[row] for row in images.rows]
    clusters = ids if opened.clusters is None else [opened.clusters[row] for row in images.rows]
    of_text = _text_clusters(pairs, clusters, len(texts))
    found = outcomes_of_arrays(images.embeddings, run.texts(texts), pairs, ks=KS)
    names = {"image to text": (ids, clusters), "text to image": (list(map(str, range(len(texts)))), of_text)}
    return {
        direction: Queries(
            ids=[names[direction][0][q] for q in outcome.queries],
            found=outcome.found,
            rank=outcome.rank,
            clusters=[names[direction][1][q] for q in outcome.queries],
        )
        for direction, outcome in found.items()
    }


def _text_clusters(pairs: NDArray[np.int64], clusters: Sequence[str], n_texts: int) -> list[str]:
    """A caption of one image is in that image's cluster; one of several images is its own cluster."""
    images_of: list[set[str]] = [set() for _ in range(n_texts)]
    for image, text in pairs.tolist():
        images_of[text].add(clusters[image])
    return [next(iter(own)) if len(own) == 1 else f"text {k}" for k, own in enumerate(images_of)]


def _need_labels(opened: EvaluationSet) -> None:
    if opened.truth is None and opened.multilabel is None:
        raise UserError(f"{opened.where}: no labels", remedy="use --task zeroshot_retrieval for captions")
    if not opened.classes:
        raise UserError(
            f"{opened.where}: no class names", remedy="add classnames.txt, or name them in a YAML"
        )
    if not opened.templates:
        raise UserError(
            f"{opened.where}: no templates", remedy="add zeroshot_classification_templates.txt, or a YAML"
        )
