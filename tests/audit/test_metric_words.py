from __future__ import annotations

import pytest

from audit.metric_words import metric_words, task_words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("acc1", "top-1 accuracy"),
        ("worst_group_acc5", "worst-group top-5 accuracy"),
        ("lp_acc1", "linear probe, top-1 accuracy"),
        ("lp_mean_per_class_recall", "linear probe, mean per-class recall"),
        ("text_retrieval_recall@10", "image to text, recall@10"),
        ("mean_recall@1", "mean recall@1"),
        ("mean_acc1_acc5", "mean of top-1 and top-5 accuracy"),
        ("one_of_tomorrow", "one of tomorrow"),
    ],
)
def test_metrics_in_words(name: str, words: str) -> None:
    assert metric_words(name) == words


def test_tasks_in_words() -> None:
    assert task_words("zeroshot_classification") == "zero-shot"
    assert task_words("some_task") == "some task"
