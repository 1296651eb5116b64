from __future__ import annotations

import torch

from probes.rules.top_k import RULE, places
from tests.probes.rules.scored import check_rule


def best(cosines: list[float], _: list[float], k: float) -> list[bool]:
    kept = sorted(range(len(cosines)), key=lambda i: (-cosines[i], i))[: int(k)]
    return [i in kept for i in range(len(cosines))]


def test_shortlists_of_k_classes_with_ties_in_the_order_of_the_names() -> None:
    check_rule(RULE, [1, 3, 4], best)


def test_places_of_equal_values_follow_their_order() -> None:
    values = torch.tensor([[1.0, 2.0], [3.0, 2.0], [3.0, 1.0]])
    assert places(values, torch.arange(3)[:, None]).T.tolist() == [[2, 0, 1], [0, 1, 2]]
