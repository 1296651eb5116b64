"""Zero-shot accuracy and retrieval while a model is trained, on rows it does not learn from.

Shapes: N images, C classes or texts, D joint embedding, P pairs that belong together.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from clipmodel.errors import UserError
from clipmodel.evaluation.retrieval import retrieval
from clipmodel.evaluation.zero_shot import class_embeddings
from clipmodel.inputs.image_decoding import load_rgb, open_checked
from clipmodel.loading.embedding_model import LoadedModel
from clipmodel.training.callbacks import Every, Measure, StepReport
from clipmodel.training.data.caption_templates import ABSENT, CaptionTable, add_articles
from clipmodel.training.data.in_memory import caption_table, decode_images, read_table, stated_columns
from clipmodel.training.data.sources.open_source import open_source
from clipmodel.training.data.sources.source import Sample, Substream
from clipmodel.training.recipe import Recipe, ValidationRecipe

BATCH = 256
MOST_SKIPPED = 1000  # of a stream none of whose images can be read
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which value of a column an image shows."""

    column: str
    rows: np.ndarray  # of the images that show one
    truth: Tensor  # their classes
    prompts: list[list[str]]  # of each class


@dataclass(frozen=True, kw_only=True)
class ValidationSet:
    images: Sequence[bytes]
    questions: Sequence[Question]
    texts: Sequence[str]
    pairs: Tensor  # [P, 2] image and text


class Validation:
    """An evaluator that measures zero-shot accuracy and recall.

    Parameters
    ----------
    recipe
        With a `validation`; its images are described as `data.captions` says.
    resolve
        From a source to parquet files.
    """

    def __init__(self, recipe: Recipe, resolve: Callable[[str], Sequence[Path]]) -> None:
        assert recipe.validation is not None, "a recipe with a validation"
        self._recipe, self._plan, self._resolve = recipe, recipe.validation, resolve
        self._set: ValidationSet | None = None

    @property
    def every(self) -> Every:
        return self._plan.every

    def begin(self, step: int) -> None:
        """Read the images, so that a mistake shows before anything is trained."""
        self._set = read_validation_set(self._recipe, self._plan, self._resolve)

    def evaluate(self, report: StepReport, model: LoadedModel) -> list[Measure]:
        """Accuracy of each question, then recalls."""
        assert self._set is not None, "begin comes first"
        images = _embedded_images(model, self._set.images)
        found = [_accuracy(model, images, question) for question in self._set.questions]
        return found + (_recalls(model, images, self._set) if self._set.texts else [])


def read_validation_set(
    recipe: Recipe, plan: ValidationRecipe, resolve: Callable[[str], Sequence[Path]]
) -> ValidationSet:
    """The images, questions and texts of a validation.

    Raises
    ------
    UserError
        Data or columns are missing, nothing is left, or a column has fewer than two values.
    """
    if recipe.data.captions is None:
        return _streamed_set(recipe, plan)
    data = recipe.data.model_copy(
        # Not thinned: bias is planted in what is learned, and measured on data as they are.
        update={"source": plan.source or recipe.data.source, "where": plan.where, "thin": []}
    )
    assert isinstance(data.source, str) and data.captions is not None, "a table with templates"
    frame = read_table(resolve(data.source), data)
    texts: list[str] = []
    pairs = torch.empty(0, 2, dtype=torch.long)
    if plan.retrieval:
        table = caption_table(frame, data.captions)
        texts, pairs = _texts(table, len(frame), per_image=plan.captions_per_image)
    stated = stated_columns(frame, data.captions)
    return ValidationSet(
        images=frame["image"].tolist(), questions=_questions(stated, plan.zero_shot), texts=texts, pairs=pairs
    )


def _streamed_set(recipe: Recipe, plan: ValidationRecipe) -> ValidationSet:
    """The first images of a stream that can be read, with all their captions."""
    source = open_source(recipe.data.model_copy(update={"source": plan.source, "format": None}))
    found: dict[str, Sample] = {}
    skipped = 0
    # One substream is the whole source in one order, the same in each run.
    for item, _ in source.stream(Substream(number=0, of=1, seed=0), source.start):
        if item.key in found or len(found) == plan.samples:
            break  # a second pass began
        if isinstance(item, Sample) and _can_be_read(item.image):
            found[item.key] = item
        else:
            skipped += 1
            if skipped > MOST_SKIPPED and not found:
                break
    if not found:
        raise UserError(f"{source.name}: no image can be read (validation)", remedy="check the source")
    if skipped:
        LOG.info("validation: %d samples of %s skipped", skipped, source.name)
    samples = list(found.values())
    places: dict[str, int] = {}
    pairs = [
        (row, places.setdefault(text, len(places)))
        for row, sample in enumerate(samples)
        for text in (sample.captions if plan.retrieval else ())
    ]
    first = pd.DataFrame({"caption": [sample.captions[0] for sample in samples]})
    return ValidationSet(
        images=[sample.image for sample in samples],
        questions=_questions(first, plan.zero_shot),
        texts=list(places),
        pairs=torch.tensor(pairs, dtype=torch.long).reshape(-1, 2),
    )


def _can_be_read(encoded: bytes) -> bool:
    try:
        load_rgb(open_checked(encoded))
    except UserError:
        return False
    return True


def _questions(frame: pd.DataFrame, zero_shot: Mapping[str, Sequence[str]]) -> list[Question]:
    questions = []
    for column, templates in zero_shot.items():
        if column not in frame:
            remedy = f"columns: {', '.join(map(str, frame.columns))}"
            raise UserError(f"no column {column!r} (validation.zero_shot)", remedy=remedy)
        if wrong := [template for template in templates if template.count("{}") != 1]:
            raise UserError(
                f"the template {wrong[0]!r} (validation.zero_shot.{column}) needs {{}} once",
                remedy="write {} where the value goes",
            )
        shown = (frame[column].notna() & ~frame[column].astype(str).isin(ABSENT)).to_numpy()
        values = frame[column][shown].astype(str)
        classes = sorted(set(values))
        if len(classes) < 2:
            raise UserError(
                f"validation.zero_shot.{column}: {len(classes)} values among the validation rows",
                remedy="loosen validation.where, or leave the column out",
            )
        # Articles after filling, as in the captions of training.
        prompts = [[add_articles(text.replace("{}", value)) for text in templates] for value in classes]
        truth = torch.tensor([classes.index(value) for value in values])
        questions.append(Question(column=column, rows=np.flatnonzero(shown), truth=truth, prompts=prompts))
    return questions


def _texts(table: CaptionTable, n_rows: int, *, per_image: int) -> tuple[list[str], Tensor]:
    """Distinct captions, and the images that have all the facts each one states."""
    rng = np.random.default_rng(0)
    drawn = [table.sample(row, rng) for row in range(n_rows) for _ in range(per_image)]
    # A text once: equal captions of several images would compete with each other at rank 1.
    distinct = list({caption.text: caption for caption in drawn}.values())
    pairs = torch.from_numpy(table.described(distinct)).nonzero()
    return [caption.text for caption in distinct], pairs


def _embedded_images(model: LoadedModel, encoded: Sequence[bytes]) -> Tensor:
    parts = []
    for start in range(0, len(encoded), BATCH):
        pixels = decode_images(encoded[start : start + BATCH], model.preprocessor).float()
        parts.append(model.encode_image(model.preprocessor.normalize(pixels)))
    return torch.cat(parts)


def _accuracy(model: LoadedModel, images: Tensor, question: Question) -> Measure:
    classes = class_embeddings(model, question.prompts)
    chosen = (images[torch.from_numpy(question.rows)] @ classes.T).argmax(dim=1)
    right, n = int((chosen == question.truth).sum()), len(question.truth)
    return Measure(name=f"zero-shot accuracy, {question.column}", value=right / n, n=n)


def _recalls(model: LoadedModel, images: Tensor, data: ValidationSet) -> list[Measure]:
    texts = torch.cat(
        [model.encode_text(data.texts[i : i + BATCH]) for i in range(0, len(data.texts), BATCH)]
    )
    table = retrieval(images, texts, data.pairs)
    return [
        Measure(name=f"recall@{row['k']}, {row['direction']}", value=row["recall"], n=row["queries"])
        for row in table.to_dict("records")
    ]
