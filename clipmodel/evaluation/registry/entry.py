"""What an evaluation set is, without its images: the model of a registry YAML, shipped or a user's own."""

from __future__ import annotations

from collections import Counter
from typing import Literal, get_args

from pydantic import field_validator, model_validator

from clipmodel.yaml_models import StrictModel

Task = Literal["zeroshot_classification", "zeroshot_retrieval", "linear_probe", "image_selection"]
Metric = Literal[
    "acc1",
    "acc5",
    "mean_acc1_acc5",
    "mean_per_class_recall",
    "mean_average_precision",
    "map_11_point",
    "roc_auc",
    "macro_f1",
    "worst_group_acc1",
    "worst_group_acc5",
    "mean_recall@1",
    "jaccard",
]
TASKS: tuple[str, ...] = get_args(Task)
SLOT = "{}"


class SetEntry(StrictModel):
    """One evaluation set.

    Attributes
    ----------
    name
        The name on the command line and in result files.
    title, source, licence
        For a reader: what the set is called, where it comes from, under which terms.
    licence_checked
        Whether the terms were read at their source for this entry; false if they were written from memory.
    metric
        The main metric, the one that averages over sets use.
    task
        What is asked unless --task says otherwise.
    labels
        "single" class an image, or "multi".
    classes
        Class names in the order of the labels; a class may have several names, all of which are prompted.
        None if the images bring the names along. A blank name is a class like any other.
    templates
        Prompts with {} where the class name goes.
    subset
        The classes are those of "imagenet-a", "imagenet-r" or "objectnet" (see `catalogue.imagenet_maps`).
    images_of
        Another set whose image folder this one shares.
    scored_by
        Another set, whose classes are asked: of several that belong to one class of the `subset` the highest
        score counts (ObjectNet through ImageNet's 1,000 classes, Taori et al. 2020).
    border_px
        Pixels to cut off each side before anything else (ObjectNet's red border). Of images that come as
        WebDataset shards nothing is cut off: their published numbers are of the images as converted.
    worst_over, leave_out
        For a worst-group metric: the metadata column, and its values that count for nothing.
    metadata
        Names of the columns of a WebDataset's .npy rows.
    images, chance
        As published: number of test images, main metric of a guess.
    wds
        Addresses of the set's WebDataset homes.
    names_from
        Whose class names and templates these are.
    root
        The images of a user's own entry: a folder, beside the YAML unless absolute.
    """

    name: str
    title: str
    metric: Metric
    source: str = ""
    licence: str = ""
    licence_checked: bool = False
    task: Task = "zeroshot_classification"
    labels: Literal["single", "multi"] = "single"
    classes: list[str | list[str]] | None = None
    templates: list[str] | None = None
    subset: Literal["imagenet-a", "imagenet-r", "objectnet"] | None = None
    images_of: str | None = None
    scored_by: str | None = None
    border_px: int = 0
    worst_over: str | None = None
    leave_out: tuple[str | int, ...] = ()
    metadata: tuple[str, ...] = ()
    images: int | None = None
    chance: float | None = None
    aliases: tuple[str, ...] = ()
    wds: tuple[str, ...] = ()
    names_from: str = ""
    root: str | None = None

    @field_validator("templates")
    @classmethod
    def _one_slot_each(cls, templates: list[str] | None) -> list[str] | None:
        if templates is not None and not templates:
            raise ValueError("at least one template is needed")
        for template in templates or ():
            if template.count(SLOT) != 1:
                raise ValueError(f"the template {template!r} needs {{}} once, where the class name goes")
        return templates

    @field_validator("classes")
    @classmethod
    def _no_class_without_a_name(cls, classes: list[str | list[str]] | None) -> list[str | list[str]] | None:
        if classes is not None and (len(classes) < 2 or [] in classes):
            raise ValueError("at least two classes, each with a name or a list of names")
        return classes

    @model_validator(mode="after")
    def _a_worst_group_has_groups(self) -> SetEntry:
        if self.metric.startswith("worst_group") and self.worst_over is None:
            raise ValueError(f"the metric {self.metric} needs worst_over, the column of the groups")
        return self

    @model_validator(mode="after")
    def _scores_are_merged_by_a_subset(self) -> SetEntry:
        if self.scored_by is not None and self.subset is None:
            raise ValueError("scored_by needs subset, the classes that the scores are merged to")
        return self

    @property
    def licence_words(self) -> str:
        """The terms, with the mark "(unchecked)" if nobody read them for this entry."""
        return self.licence if self.licence_checked or not self.licence else f"{self.licence} (unchecked)"

    @property
    def class_names(self) -> list[tuple[str, ...]] | None:
        """The names of each class, or None if the images bring them along."""
        if self.classes is None:
            return None
        return [(one,) if isinstance(one, str) else tuple(one) for one in self.classes]

    @property
    def repeated_names(self) -> list[str]:
        """First names that several classes share: a zero-shot model cannot tell such classes apart."""
        counts = Counter(names[0] for names in self.class_names or ())
        return [name for name, n in counts.items() if n > 1]
