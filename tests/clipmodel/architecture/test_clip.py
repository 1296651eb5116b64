"""The whole model: precision, compilation, checkpointing, memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from clipmodel.architecture.clip import CLIP, DTYPES, Precision
from clipmodel.checkpoints.write import write_checkpoint
from clipmodel.config import NAMED_CONFIGS, Activation, CLIPConfig, TextConfig, ViTConfig
from tests.clipmodel.support.small_models import (
    KINDS,
    RESNET,
    VIT,
    checkpoint_of,
    random_clip,
    random_pixels,
    random_tokens,
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_keeps_fp32_where_the_original_does(kind: str, precision: Precision) -> None:
    clip = random_clip(KINDS[kind])
    pixels, tokens = random_pixels(KINDS[kind]), random_tokens(KINDS[kind].text)
    with torch.inference_mode():
        images, texts = clip.encode_image(pixels), clip.encode_text(tokens)
        clip.set_precision(precision)
        half_images, half_texts = clip.encode_image(pixels), clip.encode_text(tokens)
    kept = ("embedding", "ln_", "bn", "log", "stem.1", "stem.4", "downsample.1")
    for name, parameter in clip.named_parameters():
        expected = torch.float32 if any(part in name for part in kept) else DTYPES[precision]
        assert parameter.dtype == expected, name
    # One rounding is 2^-8 in bf16 and 2^-11 in fp16; a few layers of them stay below three.
    tolerance = 3 * (2**-8 if precision == "bf16" else 2**-11)
    for half, full in ((half_images, images), (half_texts, texts)):
        assert half.dtype == torch.float32
        assert torch.allclose(half.norm(dim=-1), torch.ones(len(half)), atol=1e-6)
        assert (half - full).abs().max() < tolerance


@pytest.mark.parametrize("config", [VIT, RESNET], ids=["vit", "resnet"])
def test_compiles_without_a_break_in_the_graph(config: CLIPConfig) -> None:
    clip = random_clip(config)
    pixels, tokens = random_pixels(config), random_tokens(config.text)
    with torch.inference_mode():
        compiled = [
            torch.compile(encode, backend="eager", fullgraph=True)
            for encode in (clip.encode_image, clip.encode_text)
        ]
        assert torch.allclose(compiled[0](pixels), clip.encode_image(pixels), atol=1e-6)
        assert torch.allclose(compiled[1](tokens), clip.encode_text(tokens), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("config", [VIT, RESNET], ids=["vit", "resnet"])
def test_the_compiler_changes_nothing(config: CLIPConfig) -> None:
    clip = random_clip(config)
    pixels, tokens = random_pixels(config), random_tokens(config.text)
    with torch.inference_mode():
        images = torch.compile(clip.encode_image, fullgraph=True)(pixels)
        texts = torch.compile(clip.encode_text, fullgraph=True)(tokens)
        assert (images - clip.encode_image(pixels)).abs().max() < 1e-5
        assert (texts - clip.encode_text(tokens)).abs().max() < 1e-5


def test_checkpointing_of_both_towers_changes_no_gradient() -> None:
    for config in (VIT, RESNET):
        gradients = []
        for enabled in (False, True):
            clip = random_clip(config).train()
            clip.set_gradient_checkpointing(enabled)
            images = clip.encode_image(random_pixels(config))
            (images @ clip.encode_text(random_tokens(config.text)).T).pow(2).sum().backward()
            gradients.append(
                [parameter.grad for parameter in clip.parameters() if parameter.grad is not None]
            )
        assert len(gradients[0]) == len(gradients[1]) > 0
        assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


MEASURE = """
import resource, sys
from pathlib import Path
import clipmodel.loading
from clipmodel.inputs.tokenizer import clip_tokenizer
clip_tokenizer()  # not the model's
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
model = clipmodel.loading.load_model(Path(sys.argv[1]), activation="quick_gelu")
assert sum(float(p.sum()) for p in model.clip.parameters()) != 0
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("to", ["transformers", "open_clip"])
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux only")
def test_loading_takes_the_memory_of_the_file(to: str, tmp_path: Path) -> None:
    path = tmp_path / ("model" if to == "transformers" else "model.safetensors")
    write_checkpoint(checkpoint_of(random_clip(NAMED_CONFIGS["ViT-B/32"])), path, to=to)
    size = (path / "model.safetensors" if path.is_dir() else path).stat().st_size
    taken = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    assert int(taken.stdout) <= 1.2 * size


VOCAB = 99


def _config(activation: Activation) -> CLIPConfig:
    return CLIPConfig(
        embed_dim=24,
        vision=ViTConfig(image_size=32, patch_size=8, width=48, layers=2, heads=4),
        text=TextConfig(context_length=12, vocab_size=VOCAB, width=32, layers=2, heads=2),
        activation=activation,
    )


def test_temperature_starts_at_the_paper_and_is_clamped() -> None:
    clip = CLIP(_config("gelu"))
    assert float(clip.logit_scale.detach()) == pytest.approx(1 / 0.07, rel=1e-5)
    with torch.no_grad():
        clip.log_scale.fill_(9.0)
    clip.clamp_logit_scale()
    assert float(clip.logit_scale.detach()) == pytest.approx(100, rel=1e-5)
    clip.clamp_logit_scale(16)
    assert float(clip.logit_scale.detach()) == pytest.approx(16, rel=1e-5)
