"""Our towers against transformers' and open_clip's on the same weights, through the table of names."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from clipmodel.architecture.clip import CLIP
from clipmodel.checkpoints.infer_config import infer_config
from clipmodel.checkpoints.weight_names import TensorSource, expected_shapes, from_ours, names_in, to_ours
from clipmodel.config import NAMED_CONFIGS, Activation, CLIPConfig, ResNetConfig, ViTConfig
from clipmodel.errors import UserError
from tests.clipmodel.support.small_models import (
    KINDS,
    RESNET,
    VIT,
    random_clip,
    random_pixels,
    random_tokens,
    randomize,
)
from tests.support.peers import peer_or_skip

# Of the image tower, the text tower, the whole; open_clip's profile of its models lists the same.
PARAMETERS = {
    "RN50": (38_316_896, 63_690_240, 102_007_137),
    "RN101": (56_259_936, 63_428_096, 119_688_033),
    "RN50x4": (87_137_080, 91_163_520, 178_300_601),
    "RN50x16": (167_328_912, 123_650_304, 290_979_217),
    "RN50x64": (420_380_352, 202_877_952, 623_258_305),
    "ViT-B/32": (87_849_216, 63_428_096, 151_277_313),
    "ViT-B/16": (86_192_640, 63_428_096, 149_620_737),
    "ViT-L/14": (303_966_208, 123_650_304, 427_616_513),
    "ViT-L/14@336": (304_293_888, 123_650_304, 427_944_193),
}


@pytest.mark.parametrize("name", NAMED_CONFIGS)
def test_the_nine_have_their_published_number_of_parameters(name: str) -> None:
    clip = CLIP.without_weights(NAMED_CONFIGS[name])
    counts = [sum(p.numel() for p in part.parameters()) for part in (clip.visual, clip.text, clip)]
    assert tuple(counts) == PARAMETERS[name]


def _shallow(config: CLIPConfig) -> CLIPConfig:
    """Widths and patches as published; few layers, a short vocabulary, for the ResNets small images."""
    changes: dict[str, Any] = {"layers": 1}
    if isinstance(config.vision, ResNetConfig):
        changes = {"layers": (1, 2, 1, 1), "image_size": 64}
    vision = dataclasses.replace(config.vision, **changes)
    text = dataclasses.replace(config.text, layers=1, vocab_size=512)
    return dataclasses.replace(config, vision=vision, text=text)


def _open_clip(config: CLIPConfig) -> nn.Module:
    """open_clip's model with random weights, from its own configuration classes."""
    open_clip = peer_or_skip("open_clip")
    vision, text = config.vision, config.text
    only_vit: dict[str, Any] = {}
    if isinstance(vision, ViTConfig):
        ratio = (vision.mlp_width or 4 * vision.width) / vision.width
        only_vit = {
            "patch_size": vision.patch_size,
            "head_width": vision.width // vision.heads,
            "mlp_ratio": ratio + 1e-6,  # there the product is rounded down
        }
    torch.manual_seed(0)
    model = open_clip.model.CLIP(
        config.embed_dim,
        open_clip.model.CLIPVisionCfg(
            layers=vision.layers, width=vision.width, image_size=vision.image_size, **only_vit
        ),
        open_clip.model.CLIPTextCfg(
            context_length=text.context_length,
            vocab_size=text.vocab_size,
            width=text.width,
            heads=text.heads,
            layers=text.layers,
        ),
        quick_gelu=config.activation == "quick_gelu",
    )
    randomize(model)
    return model.eval()


def _ours_from(weights: dict[str, Tensor], activation: Activation) -> CLIP:
    source = TensorSource.of(weights, where="random weights")
    config = infer_config(source, activation=activation)
    clip = CLIP.without_weights(config)
    clip.load_state_dict(to_ours(source, config, "openai"), assign=True)
    return clip.eval()


def _require_equal(ours: tuple[Tensor, Tensor, Tensor], theirs: tuple[Tensor, Tensor, Tensor]) -> None:
    """Images [N, D] and texts [C, D] within 1e-5, logits [N, C] within 1e-4."""
    for part, expected, tolerance in zip(ours, theirs, (1e-5, 1e-5, 1e-4), strict=True):
        assert part.shape == expected.shape
        assert (part - expected).abs().max() <= tolerance


def _outputs(clip: CLIP, pixels: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    images, texts = clip.encode_image(pixels), clip.encode_text(tokens)
    return images, texts, clip.logit_scale * images @ texts.T


def _compare_with_open_clip(config: CLIPConfig, *, n: int) -> None:
    theirs = _open_clip(config)
    clip = _ours_from(theirs.state_dict(), config.activation)
    assert clip.config == config
    pixels, tokens = random_pixels(config, n), random_tokens(config.text)
    with torch.inference_mode():
        images, texts, scale = theirs(pixels, tokens)
        _require_equal(_outputs(clip, pixels, tokens), (images, texts, scale * images @ texts.T))


@pytest.mark.parametrize("name", NAMED_CONFIGS)
def test_equals_open_clip_at_reduced_depth(name: str) -> None:
    _compare_with_open_clip(_shallow(NAMED_CONFIGS[name]), n=1)


@pytest.mark.parametrize(
    ("width", "heads", "mlp_width"),
    [(1280, 16, None), (1408, 16, 6144), (1664, 16, 8192)],
    ids=["H", "g", "bigG"],
)
def test_equals_open_clips_larger_towers_at_reduced_depth(
    width: int, heads: int, mlp_width: int | None
) -> None:
    tower = ViTConfig(image_size=28, patch_size=14, width=width, layers=1, heads=heads, mlp_width=mlp_width)
    _compare_with_open_clip(dataclasses.replace(VIT, vision=tower, activation="gelu"), n=1)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMED_CONFIGS)
def test_equals_open_clip_at_full_size(name: str) -> None:
    _compare_with_open_clip(NAMED_CONFIGS[name], n=2)


@pytest.mark.parametrize("config", [VIT, RESNET], ids=["vit", "resnet"])
def test_gradients_equal_open_clips(config: CLIPConfig) -> None:
    theirs = _open_clip(config)
    clip = _ours_from(theirs.state_dict(), "quick_gelu")
    for parameter in clip.parameters():
        parameter.requires_grad_()
    pixels, tokens = random_pixels(config), random_tokens(config.text)
    _outputs(clip, pixels, tokens)[2].pow(2).sum().backward()
    images, texts, scale = theirs(pixels, tokens)
    (scale * images @ texts.T).pow(2).sum().backward()
    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    # Some gradients are zero but for rounding: a bias on all keys alike changes no attention.
    rounding = 1e-6 * max(gradient.abs().max() for gradient in expected.values())
    for name, parameter in clip.named_parameters():
        (theirs_name,), _ = names_in("openai", name)
        gradient = expected[theirs_name]
        assert (parameter.grad - gradient).abs().max() <= 1e-4 * gradient.abs().max() + rounding, name


def _transformers(activation: Activation, folder: Path) -> nn.Module:
    """transformers' model with random weights, configured by hand, and written to a folder by itself."""
    transformers = peer_or_skip("transformers")
    common = {"hidden_act": activation, "num_hidden_layers": 2, "projection_dim": 24}
    torch.manual_seed(0)
    model = transformers.CLIPModel(
        transformers.CLIPConfig(
            projection_dim=24,
            vision_config={
                **common,
                "hidden_size": 48,
                "intermediate_size": 192,
                "num_attention_heads": 4,
                "image_size": 32,
                "patch_size": 8,
            },
            text_config={
                **common,
                "hidden_size": 32,
                "intermediate_size": 128,
                "num_attention_heads": 2,
                "max_position_embeddings": 16,
            },
        )
    )
    randomize(model)
    model.save_pretrained(folder, max_shard_size="1MB")
    return model.eval()


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_embeddings_and_gradients_equal_transformers(activation: Activation, tmp_path: Path) -> None:
    from clipmodel.checkpoints.read import read_checkpoint

    theirs = _transformers(activation, tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("{}")  # the defaults of CLIPImageProcessor
    assert len(list(tmp_path.glob("*.safetensors"))) > 1  # sharded, with an index
    clip = read_checkpoint(tmp_path).build()
    assert clip.config.activation == activation
    pixels, tokens = random_pixels(clip.config), random_tokens(clip.config.text)
    found = _outputs(clip, pixels, tokens)
    expected = theirs(input_ids=tokens, pixel_values=pixels)
    _require_equal(found, (expected.image_embeds, expected.text_embeds, expected.logits_per_image))
    found[2].pow(2).sum().backward()
    expected.logits_per_image.pow(2).sum().backward()
    for ours, name in (
        (clip.visual.conv1.weight, "vision_model.embeddings.patch_embedding.weight"),
        (clip.text.token_embedding.weight, "text_model.embeddings.token_embedding.weight"),
        (clip.log_scale, "logit_scale"),
    ):
        gradient = theirs.get_parameter(name).grad
        assert (ours.grad - gradient).abs().max() <= 1e-4 * gradient.abs().max(), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["openai", "transformers"])
def test_renaming_there_and_back_is_exact(kind: str, layout: Any) -> None:
    weights = random_clip(KINDS[kind]).state_dict()
    if layout == "transformers" and kind not in ("vit", "wide"):
        with pytest.raises(UserError, match="no place for"):
            from_ours(weights, layout)
        return
    theirs = from_ours(weights, layout)
    back = to_ours(TensorSource.of(theirs, where="there"), KINDS[kind], layout)
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in weights.items())


def test_every_weight_of_the_nine_has_a_name_of_its_own() -> None:
    for config in NAMED_CONFIGS.values():
        ours = expected_shapes(config)
        theirs = [name for weight in ours for name in names_in("openai", weight)[0]]
        assert len(set(theirs)) == len(ours)
        if isinstance(config.vision, ViTConfig):
            parts = [name for weight in ours for name in names_in("transformers", weight)[0]]
            in_projections = sum("in_proj" in weight for weight in ours)
            assert len(set(parts)) == len(ours) + 2 * in_projections  # each in three parts


def _broken(**changes: Tensor | None) -> TensorSource:
    weights = from_ours(random_clip(VIT).state_dict(), "openai")
    for name, tensor in changes.items():
        if tensor is None:
            del weights[name]
        else:
            weights[name] = tensor
    return TensorSource.of(weights, where="some.pt")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"visual.ln_post.bias": None}, r"some\.pt lacks visual\.ln_post\.bias"),
        ({"visual.trunk.weight": torch.zeros(1)}, r"some\.pt has the unknown visual\.trunk\.weight"),
        ({"ln_final.bias": torch.zeros(63)}, r"ln_final\.bias has shape \(63,\), expected \(64,\)"),
        ({"ln_final.bias": torch.full((64,), torch.nan)}, r"ln_final\.bias holds NaN"),
        ({"visual.proj": torch.full((128, 24), torch.inf)}, r"visual\.proj holds NaN or infinite"),
    ],
    ids=["missing", "unknown", "shape", "nan", "infinite"],
)
def test_wrong_weights_are_refused_by_name(changes: dict[str, Tensor | None], message: str) -> None:
    with pytest.raises(UserError, match=message):
        to_ours(_broken(**changes), VIT, "openai")


@pytest.mark.parametrize("name", ["text_projection", "visual.conv1.weight", "visual.positional_embedding"])
def test_a_missing_weight_that_tells_a_size_is_named(name: str) -> None:
    with pytest.raises(UserError, match=f"lacks {name}"):
        infer_config(_broken(**{name: None}), activation="gelu")


def test_positions_that_are_no_square_are_refused() -> None:
    source = _broken(**{"visual.positional_embedding": torch.zeros(7, 128)})
    with pytest.raises(UserError, match="6 positions besides the first, no square"):
        infer_config(source, activation="gelu")


def test_a_temperature_of_one_element_and_old_position_ids_are_read() -> None:
    weights = from_ours(random_clip(VIT).state_dict(), "transformers")
    weights["logit_scale"] = weights["logit_scale"].reshape(1)
    weights["text_model.embeddings.position_ids"] = torch.arange(16)[None]
    ours = to_ours(TensorSource.of(weights, where="old"), VIT, "transformers")
    assert ours["log_scale"].shape == ()
    assert "position_ids" not in " ".join(ours)
