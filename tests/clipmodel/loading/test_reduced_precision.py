from __future__ import annotations

from pathlib import Path

import pytest
import torch

from clipmodel.checkpoints.write import write_checkpoint
from clipmodel.errors import UserError
from clipmodel.loading import LoadedModel, load_model
from clipmodel.loading.reduced_precision import ReducedModel, load_reduced
from tests.clipmodel.loading.protocol import require_protocol
from tests.clipmodel.support.small_models import VIT, checkpoint_of, random_clip

PIXELS = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m"
    write_checkpoint(checkpoint_of(random_clip(VIT)), path, to="native")
    return path


@pytest.fixture(scope="module")
def exact(folder: Path) -> LoadedModel:
    return load_model(folder)


def test_without_a_reduction_it_is_the_exact_model(folder: Path, exact: LoadedModel) -> None:
    assert load_reduced(folder).fingerprint == exact.fingerprint


@pytest.mark.parametrize(("precision", "distance"), [("bf16", 0.05), ("int8", 0.2)])
def test_images_are_near_and_texts_equal(
    folder: Path, exact: LoadedModel, precision: str, distance: float
) -> None:
    expected = exact.encode_image(PIXELS)
    reduced = load_reduced(folder, precision=precision)  # type: ignore[arg-type]
    require_protocol(reduced)
    error = (reduced.encode_image(PIXELS) - expected).norm(dim=-1)
    assert 0 < error.max() < distance
    assert torch.equal(reduced.encode_text(["a cook"]), exact.encode_text(["a cook"]))
    assert (reduced.name, reduced.logit_scale) == (exact.name, exact.logit_scale)
    assert reduced.any_mode  # type: ignore[attr-defined]
    # The exact tower is not touched, and the store tells the two apart.
    assert torch.equal(exact.encode_image(PIXELS), expected)
    assert reduced.fingerprint != exact.fingerprint


def test_what_has_no_such_form_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="int8 runs on a CPU, not on meta"):
        load_reduced(folder, precision="int8", device="meta")


def test_reductions_have_fingerprints_of_their_own(exact: LoadedModel) -> None:
    found = {ReducedModel(exact, exact, how).fingerprint for how in ("bf16", "int8", "int8 compiled")}
    assert len(found) == 3


def test_scaled_decoding_is_another_model_with_the_same_towers(folder: Path, exact: LoadedModel) -> None:
    scaled = load_reduced(folder, scaled=True)
    assert isinstance(scaled, ReducedModel)
    assert (scaled.reduction, scaled.least_side) == ("fp32 scaled", exact.preprocessor.image_size)
    assert scaled.fingerprint != exact.fingerprint
    assert torch.equal(scaled.encode_image(PIXELS), exact.encode_image(PIXELS))
    assert load_reduced(folder, precision="bf16", scaled=True).fingerprint != scaled.fingerprint  # type: ignore[attr-defined]
