"""Every family of dual encoders against the library's own calls, and folders that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file

from clipmodel.errors import UserError
from clipmodel.loading import load_model
from clipmodel.loading.adapted_model import AdaptedModel
from tests.clipmodel.loading.families import FAMILIES, build
from tests.clipmodel.loading.protocol import require_protocol
from tests.support.peers import peer_or_skip

TEXTS = ["red", "A photo of two blue words", "a bird " * 40]  # short, mixed case, too long
FULL_LENGTH = {"siglip": 16, "siglip2": 16, "siglip2 naflex": 16, "align": 64}


def image(width: int = 90, height: int = 41, mode: str = "RGB") -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    levels = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(levels.squeeze() if channels == 1 else levels, mode=None)


def _tensor(output: Any) -> torch.Tensor:
    features = output if isinstance(output, torch.Tensor) else output.pooler_output
    return features[:, 0] if features.ndim == 3 else features


@pytest.mark.parametrize("nested", [False, True], ids=["transformers 4", "transformers 5"])
@pytest.mark.parametrize("name", FAMILIES)
def test_embeddings_equal_the_librarys_own_call(name: str, nested: bool, tmp_path: Path) -> None:
    if nested and not name.startswith("siglip"):
        pytest.skip("one family is enough for where the settings lie")
    transformers = peer_or_skip("transformers")
    theirs = build(transformers, FAMILIES[name], tmp_path, nested=nested)
    model = load_model(tmp_path)
    assert isinstance(model, AdaptedModel)
    require_protocol(model)
    images, texts = _own_call(transformers, theirs, name, tmp_path)
    found = model.encode_image(torch.stack([model.preprocess(image())] * 2))
    assert (found - F.normalize(images, dim=-1)).abs().max() < 1e-5
    assert (model.encode_text(TEXTS) - F.normalize(texts, dim=-1)).abs().max() < 1e-5


def _own_call(transformers: Any, theirs: Any, name: str, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """The features of one image and of `TEXTS`, as the library's documentation shows the calls."""
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    pixels = processor(images=image(), return_tensors="pt")
    words = transformers.AutoTokenizer.from_pretrained(folder)
    length = FULL_LENGTH.get(name, 16 if name != "altclip" else 14)
    padding = "max_length" if name in FULL_LENGTH else True
    tokens = words(TEXTS, padding=padding, truncation=True, max_length=length, return_tensors="pt")
    if name.startswith("siglip"):
        tokens = {"input_ids": tokens["input_ids"]}  # published tokenizers return no mask
    else:
        tokens = {key: value for key, value in tokens.items() if key != "token_type_ids"}
    with torch.inference_mode():
        if name == "blip retrieval":
            output = theirs(
                pixel_values=pixels["pixel_values"].repeat(3, 1, 1, 1), **tokens, use_itm_head=False
            )
            # Its own answer is the cosines; the two projections are what it normalises on the way.
            states = theirs.text_encoder(**tokens)[0][:, 0]
            texts = theirs.text_proj(states)
            images = theirs.vision_proj(theirs.vision_model(pixels["pixel_values"])[0][:, 0])
            cosines = F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).T
            assert (output.itm_score[0] - cosines[0]).abs().max() < 1e-5
            return images, texts
        images = _tensor(theirs.get_image_features(**pixels))
        return images, _tensor(theirs.get_text_features(**tokens))


@pytest.mark.parametrize("name", ["siglip", "align", "metaclip 2", "blip retrieval"])
def test_temperature_and_bias_are_the_models(name: str, tmp_path: Path) -> None:
    theirs = build(peer_or_skip("transformers"), FAMILIES[name], tmp_path)
    model = load_model(tmp_path)
    expected = {
        "siglip": lambda: theirs.logit_scale.exp(),
        "align": lambda: 1 / theirs.temperature,  # ALIGN divides by it
        "metaclip 2": lambda: theirs.logit_scale.exp(),
        "blip retrieval": lambda: torch.tensor(1.0),  # it has none
    }[name]()
    assert model.logit_scale == pytest.approx(float(expected), rel=1e-6)
    bias = theirs.logit_bias if name == "siglip" else None
    assert model.logit_bias == (None if bias is None else pytest.approx(float(bias)))


def test_naflex_gives_each_shape_its_own_grid(tmp_path: Path) -> None:
    """A wide and a tall image keep their shapes: packed into one tensor, unpacked for the tower."""
    transformers = peer_or_skip("transformers")
    theirs = build(transformers, FAMILIES["siglip2 naflex"], tmp_path)
    model = load_model(tmp_path)
    both = [image(120, 30), image(20, 90)]
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    made = processor(images=both, return_tensors="pt")
    assert made["spatial_shapes"][0].tolist() != made["spatial_shapes"][1].tolist()
    with torch.inference_mode():
        expected = F.normalize(_tensor(theirs.get_image_features(**made)), dim=-1)
    found = model.encode_image(torch.stack([model.preprocess(one) for one in both]))
    assert (found - expected).abs().max() < 1e-5


def test_transparency_is_composed_on_white(tmp_path: Path) -> None:
    build(peer_or_skip("transformers"), FAMILIES["siglip"], tmp_path)
    model = load_model(tmp_path)
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    assert torch.equal(model.preprocess(clear), model.preprocess(Image.new("RGB", (40, 40), "white")))


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def _config(folder: Path, **values: Any) -> None:
    _edit(folder / "config.json", lambda config: config.update(values))


def _vision(folder: Path, **values: Any) -> None:
    _edit(folder / "config.json", lambda config: config["vision_config"].update(values))


def _weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _absurd(folder: Path) -> None:
    _vision(folder, num_hidden_layers=10**8)


def _too_wide(folder: Path) -> None:
    _vision(folder, hidden_size=60_000, intermediate_size=200_000)


def _no_processor(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()


def _no_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def _one_tower(folder: Path) -> None:
    _config(folder, model_type="siglip_vision_model", architectures=["SiglipVisionModel"])


def _missing_weight(folder: Path) -> None:
    _weights(folder, lambda weights: weights.pop("text_model.head.weight"))


def _not_finite(folder: Path) -> None:
    _weights(folder, lambda weights: weights["logit_bias"].fill_(torch.nan))


def _vector_scale(folder: Path) -> None:
    _weights(folder, lambda weights: weights.update(logit_scale=torch.ones(3)))


def _own_code(folder: Path) -> None:
    _config(folder, model_type="my_clip", auto_map={"AutoModel": "mine.MyClip"})


def _no_dual_encoder(folder: Path) -> None:
    _config(folder, model_type="bert", architectures=["BertModel"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_absurd, "vision_config.num_hidden_layers is 100000000"),
        (_too_wide, "the configuration describes"),
        (_no_processor, "says how images are preprocessed"),
        (_no_tokenizer, "tokenizer"),
        (_one_tower, r"one tower alone \(SiglipVisionModel\): it lacks a text tower"),
        (_missing_weight, r"lacks text_model\.head\.weight"),
        (_not_finite, "logit_bias holds NaN"),
        (_vector_scale, "logit_scale has another shape"),
        (_own_code, "my_clip"),
        (_no_dual_encoder, "the configuration describes"),
    ],
)
def test_folders_that_are_no_whole_dual_encoder_are_refused(
    damage: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    build(peer_or_skip("transformers"), FAMILIES["siglip"], tmp_path)
    damage(tmp_path)
    with pytest.raises(UserError, match=message) as caught:
        load_model(tmp_path)
    assert caught.value.remedy


def test_a_temperature_of_shape_one_is_a_scalar(tmp_path: Path) -> None:
    theirs = build(peer_or_skip("transformers"), FAMILIES["siglip"], tmp_path)
    assert theirs.logit_scale.shape == (1,)
    assert load_model(tmp_path).logit_scale == pytest.approx(float(theirs.logit_scale.exp()))


def test_what_the_folder_says_cannot_be_overruled(tmp_path: Path) -> None:
    build(peer_or_skip("transformers"), FAMILIES["siglip"], tmp_path)
    with pytest.raises(UserError, match="has its own activation"):
        load_model(tmp_path, activation="gelu")
