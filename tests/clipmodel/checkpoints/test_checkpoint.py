from __future__ import annotations

import torch

from tests.clipmodel.support.small_models import RESNET, VIT, checkpoint_of, random_clip


def test_the_model_is_built_from_the_weights_without_a_copy() -> None:
    clip = random_clip(VIT)
    checkpoint = checkpoint_of(clip)
    built = checkpoint.build()
    assert not built.training
    name = "visual.proj"
    assert built.state_dict()[name].data_ptr() == checkpoint.weights[name].data_ptr()
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(built.encode_image(pixels), clip.encode_image(pixels))


def test_half_precision_keeps_what_must_be_exact() -> None:
    built = checkpoint_of(random_clip(RESNET)).build("bf16")
    dtypes = {name: tensor.dtype for name, tensor in built.state_dict().items()}
    assert dtypes["visual.layer1.0.conv1.weight"] == torch.bfloat16
    assert dtypes["log_scale"] == torch.float32
