from __future__ import annotations

from typing import Any

import pytest
import torch

from clipmodel.checkpoints.weight_names import TensorSource
from clipmodel.config import MAX_LAYERS, MAX_WIDTH
from clipmodel.errors import UserError
from clipmodel.loading import declared_sizes
from clipmodel.loading.declared_sizes import require_sane_config, require_tensors_of_size


def nested(depth: int) -> Any:
    return {"a": nested(depth - 1)} if depth else 1


def test_sizes_within_bounds_and_numbers_that_are_no_sizes_pass() -> None:
    require_sane_config(
        {"vision_config": {"num_hidden_layers": MAX_LAYERS, "hidden_size": MAX_WIDTH, "use_head": True},
         "bos_token_id": 10**9, "initializer_factor": 1e9, "sections": [nested(20)]},
        where="config.json",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"vision_config": {"num_hidden_layers": MAX_LAYERS + 1}}, "vision_config.num_hidden_layers"),
        ({"text_config": {"vocab_size": -1}}, "text_config.vocab_size"),
        ({"towers": [{"width": 10**12}]}, "towers.width"),
        ({"mlp_ratio": 2000}, "mlp_ratio"),
    ],
)
def test_a_size_beyond_any_models_names_its_key(values: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError, match=f"config.json: {key} is"):
        require_sane_config(values, where="config.json")


def test_sections_are_bounded_in_depth() -> None:
    with pytest.raises(UserError, match="nested too deep"):
        require_sane_config(nested(declared_sizes.MAX_DEPTH + 2), where="config.json")


def test_far_more_weights_than_the_files_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared_sizes, "ALLOWANCE", 0)
    source = TensorSource("m", {"a": (10, 10), "b": ()}, torch.zeros)  # 101 weights
    require_tensors_of_size(source, 151)
    with pytest.raises(UserError, match="describes 152 weights, the files hold 101"):
        require_tensors_of_size(source, 152)
