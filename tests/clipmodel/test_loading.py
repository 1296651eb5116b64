"""One door: bundled, paths, the hub's cache, open_clip, SigLIP, and a model of the user's own."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from clipmodel.checkpoints.write import write_checkpoint
from clipmodel.errors import UserError
from clipmodel.loading import EmbeddingModel, LoadedModel, load_model
from clipmodel.loading.siglip import SquarePreprocess
from tests.clipmodel.checkpoints.test_open_clip_config import written
from tests.clipmodel.support.small_models import SIGMOID, VIT, checkpoint_of, random_clip, random_pixels
from tests.support.peers import peer_or_skip

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/own_model.py"


def _picture(width: int = 90, height: int = 70) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def _require_protocol(model: EmbeddingModel) -> None:
    """Everything an audit asks of a model."""
    pixels = model.preprocess(_picture())
    assert pixels.dtype == torch.float32 and pixels.ndim == 3 and len(pixels) == 3
    images, texts = model.encode_image(torch.stack([pixels] * 2)), model.encode_text(["red", "a blue bird"])
    for embeddings in (images, texts):
        assert embeddings.shape == (2, model.embed_dim)
        assert embeddings.dtype == torch.float32 and not embeddings.requires_grad
        assert torch.allclose(embeddings.norm(dim=-1), torch.ones(2), atol=1e-5)
    assert model.logit_scale > 0
    assert model.logit_bias is None or isinstance(model.logit_bias, float)
    assert all(
        isinstance(text, str) and text for text in (model.name, model.fingerprint, model.preprocess_id)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "clip"
    write_checkpoint(checkpoint_of(random_clip(VIT)), path, to="transformers")
    return path


def test_the_same_weights_are_the_same_model_in_every_format(folder: Path, tmp_path: Path) -> None:
    checkpoint = checkpoint_of(random_clip(VIT))
    write_checkpoint(checkpoint, tmp_path / "m.pt", to="openai")
    write_checkpoint(checkpoint, tmp_path / "m.safetensors", to="open_clip")
    models = [load_model(path) for path in (folder, tmp_path / "m.pt", tmp_path / "m.safetensors")]
    assert len({model.fingerprint for model in models}) == 1
    for model in models:
        _require_protocol(model)


def test_saving_and_loading_keeps_model_and_bias(tmp_path: Path) -> None:
    checkpoint = checkpoint_of(random_clip(SIGMOID))
    model = LoadedModel("sigmoid", checkpoint.build(), checkpoint.tokenizer, checkpoint.preprocess)
    model.save(tmp_path / "m")
    back = load_model(tmp_path / "m")
    assert back.logit_bias == model.logit_bias == pytest.approx(-10.0)  # as it starts
    assert back.fingerprint == model.fingerprint
    assert torch.equal(back.encode_image(random_pixels(SIGMOID)), model.encode_image(random_pixels(SIGMOID)))


def test_precision_is_part_of_the_fingerprint(folder: Path) -> None:
    full, half = load_model(folder), load_model(folder, precision="bf16")
    _require_protocol(half)
    assert half.fingerprint != full.fingerprint
    difference = half.encode_image(random_pixels(VIT)) - full.encode_image(random_pixels(VIT))
    assert 0 < difference.abs().max() < 3 * 2**-8


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("ViT-B/32", {}, r"unknown model 'ViT-B/32'"),
        ("tiny", {"precision": "int8"}, "unknown precision 'int8'"),
        ("tiny", {"device": "nonsense"}, "device 'nonsense' cannot be used"),
        ("hf:bad name!", {}, "hf:bad name!"),
        ("open_clip:ViT-B-32", {}, "expected open_clip:ARCHITECTURE/TAG"),
        ("open_clip:ViT-B-32/openai", {"activation": "gelu"}, "has its own activation"),
    ],
)
def test_what_cannot_be_loaded_is_said(spec: str, options: dict[str, Any], message: str) -> None:
    if spec.startswith("hf:"):
        peer_or_skip("huggingface_hub")
    with pytest.raises(UserError, match=message) as caught:
        load_model(spec, **options)
    assert caught.value.remedy


def test_the_known_names_are_listed() -> None:
    with pytest.raises(UserError) as caught:
        load_model("big")
    for known in ("tiny", "path", "hf:", "open_clip:"):
        assert known in str(caught.value.remedy)


@pytest.fixture
def offline_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    constants = peer_or_skip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def _cached(cache: Path, name: str) -> Path:
    """An empty snapshot of a model, where the hub's library looks for it."""
    commit = "0" * 40
    model = cache / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(commit)
    (model / "snapshots" / commit).mkdir(parents=True)
    return model / "snapshots" / commit


def test_the_hub_is_read_from_the_local_cache(offline_cache: Path) -> None:
    write_checkpoint(
        checkpoint_of(random_clip(VIT)), _cached(offline_cache, "someone/clip"), to="transformers"
    )
    model = load_model("hf:someone/clip")
    assert model.name == "hf:someone/clip"
    _require_protocol(model)


def test_an_open_clip_folder_in_the_cache_is_a_complete_copy(offline_cache: Path) -> None:
    snapshot = _cached(offline_cache, "someone/open")
    written(snapshot, VIT)
    model = load_model("hf:someone/open")
    _require_protocol(model)


def test_a_model_that_is_not_there_is_an_error_offline(offline_cache: Path) -> None:
    with pytest.raises(UserError, match="hf:someone/other is not in the local cache"):
        load_model("hf:someone/other")


def _siglip(folder: Path) -> Any:
    """transformers' SigLIP with random weights and a vocabulary of words."""
    transformers = peer_or_skip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers

    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    model = transformers.SiglipModel(
        transformers.SiglipConfig(
            vision_config={**tower, "image_size": 32, "patch_size": 16},
            text_config={**tower, "vocab_size": 8, "max_position_embeddings": 6, "projection_size": 32},
        )
    ).eval()
    model.save_pretrained(folder)
    words = Tokenizer(
        models.WordLevel({"<pad>": 0, "<unk>": 1, "red": 2, "blue": 3, "bird": 4}, unk_token="<unk>")
    )
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", unk_token="<unk>")
    fast.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        '{"image_processor_type": "SiglipImageProcessor", "size": {"height": 32, "width": 32}, "resample": 3,'
        ' "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}'
    )
    return model


def test_siglip_speaks_the_same_protocol(tmp_path: Path) -> None:
    theirs = _siglip(tmp_path)
    model = load_model(tmp_path)
    _require_protocol(model)
    pixels = torch.randn(2, 3, 32, 32)
    # "a" is unknown (1), and both texts are padded (0) to the six positions of the tower.
    tokens = torch.tensor([[2, 0, 0, 0, 0, 0], [1, 3, 4, 0, 0, 0]])
    with torch.inference_mode():
        expected = theirs(input_ids=tokens, pixel_values=pixels)
    images, texts = model.encode_image(pixels), model.encode_text(["red", "a blue bird"])
    assert (images - expected.image_embeds).abs().max() < 1e-5
    assert (texts - expected.text_embeds).abs().max() < 1e-5
    logits = model.logit_scale * images @ texts.T + (model.logit_bias or 0.0)
    assert (logits - expected.logits_per_image).abs().max() < 1e-4
    assert model.logit_bias is not None
    with pytest.raises(UserError, match="has its own activation"):
        load_model(tmp_path, activation="gelu")


def test_square_preprocessing_ignores_the_pictures_shape() -> None:
    half = (0.5, 0.5, 0.5)
    preprocess = SquarePreprocess(image_size=32, resample=3, mean=half, std=half)
    resized = np.asarray(_picture(90, 40).resize((32, 32), Image.Resampling.BICUBIC), dtype=np.float32)
    expected = (resized / 255 - 0.5) / 0.5
    assert np.abs(preprocess(_picture(90, 40)).numpy() - expected.transpose(2, 0, 1)).max() < 1e-6


def test_open_clip_speaks_the_same_protocol(tmp_path: Path) -> None:
    open_clip = peer_or_skip("open_clip")
    name = "ViT-S-32-alt"  # the smallest it has
    theirs = open_clip.create_model(name).eval()
    torch.save(theirs.state_dict(), tmp_path / "m.pt")
    model = load_model(f"open_clip:{name}/{tmp_path / 'm.pt'}")
    _require_protocol(model)
    with torch.inference_mode():
        tokens = open_clip.get_tokenizer(name)(["a bird"])
        expected = F.normalize(theirs.encode_text(tokens), dim=-1)
    assert (model.encode_text(["a bird"]) - expected).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("spec", "message", "remedy"),
    [
        ("open_clip:ViT-B-33/openai", "no architecture 'ViT-B-33'", "ViT-B-32"),
        ("open_clip:ViT-B-32/laion2b", "no weights 'laion2b' for ViT-B-32", "laion2b"),
        ("open_clip:ViT-B-32/openai", "was trained with quick_gelu", "ViT-B-32-quickgelu/openai"),
    ],
)
def test_open_clips_names_are_checked_before_fetching(spec: str, message: str, remedy: str) -> None:
    peer_or_skip("open_clip")
    with pytest.raises(UserError, match=message) as caught:
        load_model(spec)
    assert remedy in str(caught.value.remedy)


def test_the_example_of_an_own_model_runs(tmp_path: Path) -> None:
    example = runpy.run_path(str(EXAMPLE))
    model = example["ColourModel"]()
    _require_protocol(model)
    red = model.preprocess(Image.new("RGB", (8, 8), "red"))[None]
    similarity = model.encode_image(red) @ model.encode_text(["something red", "something blue"]).T
    assert similarity[0, 0] > 0.99 > similarity[0, 1]
