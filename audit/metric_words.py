"""Tasks and metrics in words, for people; files keep the names of CLIP_benchmark."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["TASKS", "metric_words", "task_words"]

TASKS: Final = {
    "zeroshot_classification": "zero-shot",
    "zeroshot_retrieval": "retrieval",
    "linear_probe": "linear probe",
    "image_selection": "image selection",
}
# The start of a name -> what comes before the rest of its words.
STARTS: Final = (
    ("lp_", "linear probe, "),
    ("image_retrieval_", "text to image, "),
    ("text_retrieval_", "image to text, "),
)
WORDS: Final = {
    "mean_per_class_recall": "mean per-class recall",
    "mean_acc1_acc5": "mean of top-1 and top-5 accuracy",
    "mean_average_precision": "mean average precision",
    "macro_f1": "macro F1",
    "roc_auc": "ROC AUC",
}


def task_words(task: str) -> str:
    """Return a task as a table names it: `zeroshot_classification` is "zero-shot"."""
    return TASKS.get(task, task.replace("_", " "))


def metric_words(name: str) -> str:
    """Return a metric in words.

    Examples
    --------
    >>> metric_words("acc1"), metric_words("lp_acc5")
    ('top-1 accuracy', 'linear probe, top-5 accuracy')
    >>> metric_words("image_retrieval_recall@5")
    'text to image, recall@5'
    """
    for start, words in STARTS:
        if name.startswith(start):
            return words + metric_words(name.removeprefix(start))
    if name in WORDS:
        return WORDS[name]
    if match := re.fullmatch(r"(.*?)_?acc(\d+)", name):
        first = match[1].replace("worst_group", "worst-group").replace("_", " ")
        return f"{first} top-{match[2]} accuracy".strip()
    return name.replace("_", " ")
