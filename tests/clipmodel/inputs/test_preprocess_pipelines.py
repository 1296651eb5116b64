"""Preprocessing mode by mode, against the libraries that the weights came from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from clipmodel.errors import UserError
from clipmodel.inputs.preprocess import CLIP_MEAN, CLIP_STD, Preprocess
from tests.support.peers import peer_or_skip

SIZE = 32
MODES = ["RGB", "L", "LA", "RGBA", "P", "P with transparency", "1", "CMYK", "I;16"]


def picture(mode: str, size: tuple[int, int] = (91, 52)) -> Image.Image:
    """Noise in a mode, some of it transparent where the mode has that."""
    generator = np.random.default_rng(0)
    levels = generator.integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    if mode == "I;16":
        return Image.fromarray(levels[..., 0].astype(np.uint16) * 257)
    image = Image.fromarray(levels)  # RGBA
    if mode == "P with transparency":
        palette = image.convert("RGB").quantize(16)
        palette.info["transparency"] = 3
        return palette
    return image.convert("RGB").quantize(16) if mode == "P" else image.convert(mode)


def openai(image: Image.Image) -> Tensor:
    """The five steps of the original's `_transform`."""
    transforms = peer_or_skip("torchvision.transforms")
    steps = transforms.Compose(
        [
            transforms.Resize(SIZE, interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(SIZE),
            lambda one: one.convert("RGB"),
            transforms.ToTensor(),
            transforms.Normalize(CLIP_MEAN, CLIP_STD),
        ]
    )
    return steps(image)


def open_clip(image: Image.Image, **settings: Any) -> Tensor:
    library = peer_or_skip("open_clip.transform")
    cfg = library.PreprocessCfg(size=SIZE, mean=CLIP_MEAN, std=CLIP_STD, **settings)
    return library.image_transform_v2(cfg, is_train=False)(image)


def transformers(image: Image.Image, **settings: Any) -> Tensor:
    library = peer_or_skip("transformers")
    made = getattr(library, "CLIPImageProcessorPil", None) or library.CLIPImageProcessor
    size = {"size": {"shortest_edge": SIZE}, "crop_size": {"height": SIZE, "width": SIZE}}
    return made(**{**size, **settings})(images=image, return_tensors="pt")["pixel_values"][0]


PEERS: dict[str, Callable[..., Tensor]] = {
    "openai": openai,
    "open_clip": open_clip,
    "transformers": transformers,
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pipeline", PEERS)
def test_pixels_are_the_librarys_own(pipeline: Any, mode: str) -> None:
    image = picture(mode)
    try:
        expected = PEERS[pipeline](image)
    except (ValueError, TypeError, OSError) as error:
        pytest.skip(f"the library itself refuses {mode}: {error}")
    found = Preprocess(image_size=SIZE, pipeline=pipeline)(image)
    assert (found - expected).abs().max() < 1e-5


@pytest.mark.parametrize("mode", ["RGBA", "P with transparency", "LA"])
def test_only_two_pipelines_show_what_is_behind(mode: str) -> None:
    """On white here and in transformers; elsewhere the transparency is dropped, and other pixels come out."""
    image = picture(mode)
    ours, theirs, original = (
        Preprocess(image_size=SIZE, pipeline=pipeline)(image)
        for pipeline in ("clip_audit", "transformers", "openai")
    )
    assert (ours - theirs).abs().max() < 0.5  # the corner of the crop may differ by one pixel
    assert (ours - original).abs().mean() > 0.05


def test_a_clear_image_is_white_or_what_lies_behind() -> None:
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    for pipeline, level in (("clip_audit", 255), ("transformers", 255), ("openai", 0), ("open_clip", 0)):
        assert Preprocess(image_size=SIZE, pipeline=pipeline).crop(clear).max() == level  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
@pytest.mark.parametrize(
    "settings",
    [
        {"resize_mode": "squash"},
        {"resize_mode": "longest"},
        {"resize_mode": "longest", "fill_color": 200},
        {"interpolation": "bilinear"},
        {"resize_mode": "squash", "interpolation": "bilinear"},
    ],
    ids=str,
)
def test_resizes_of_open_clip(settings: dict[str, Any], mode: str) -> None:
    image = picture(mode)
    ours = {("fill" if key == "fill_color" else key): value for key, value in settings.items()}
    found = Preprocess(image_size=SIZE, pipeline="open_clip", **ours)(image)
    if settings["resize_mode" if "resize_mode" in settings else "interpolation"] == "longest" and mode == "P":
        pytest.skip("a palette is filled with a colour of its own there, with a level here")
    assert (found - open_clip(image, **settings)).abs().max() < 1e-5


@pytest.mark.parametrize("size", [(91, 52), (33, 70), (45, 40), (200, 31)])
def test_transformers_resize_above_the_crop_filters_and_factors(size: tuple[int, int]) -> None:
    """ALIGN resizes above its crop; filter and factor of the levels are read too."""
    image = picture("RGB", size)
    found = Preprocess(
        image_size=SIZE, resize_size=40, interpolation="bilinear", scale=1 / 127.5, pipeline="transformers"
    )(image)
    expected = transformers(image, size={"shortest_edge": 40}, resample=2, rescale_factor=1 / 127.5)
    assert (found - expected).abs().max() < 1e-5


def test_transformers_fills_up_what_is_smaller_than_the_crop() -> None:
    image = picture("RGB")
    found = Preprocess(image_size=SIZE, resize_size=21, pipeline="transformers")(image)
    expected = transformers(image, size={"shortest_edge": 21})
    assert found.shape == expected.shape == (3, SIZE, SIZE)
    assert (found - expected).abs().max() < 1e-5


def test_identities_differ_where_pixels_do() -> None:
    kinds: list[dict[str, Any]] = [
        {},
        {"pipeline": "openai"},
        {"resize_mode": "squash"},
        {"resize_mode": "longest"},
        {"resize_mode": "longest", "fill": 7},
        {"resize_size": 40},
        {"interpolation": "bilinear"},
        {"scale": 1.0},
        {"mean": (0.5, 0.5, 0.5)},
    ]
    names = [Preprocess(image_size=SIZE, **kind).identity for kind in kinds]
    assert len(set(names)) == len(names)
    # As it always was: embeddings are stored under it.
    assert names[0] == f"pillow-bicubic-short-side-32 centre-crop mean={CLIP_MEAN} std={CLIP_STD}"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"resize_mode": "stretch"}, "resize_mode is 'stretch'"),
        ({"interpolation": "cubic"}, "interpolation is 'cubic'"),
        ({"pipeline": "mine"}, "pipeline is 'mine'"),
        ({"image_size": 0}, "image_size must be a whole number"),
        ({"image_size": 10**6}, "image_size must be a whole number"),
        ({"resize_size": True}, "resize_size must be a whole number"),
        ({"std": (1.0, 0.0, 1.0)}, "above 0"),
        ({"mean": (1.0, 2.0)}, "three numbers"),
        ({"mean": (1.0, 2.0, float("nan"))}, "three numbers"),
        ({"scale": -1.0}, "above 0"),
    ],
)
def test_impossible_values_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Preprocess(**{"image_size": SIZE, **values})


def test_pixels_without_a_range_are_refused_by_every_pipeline() -> None:
    image = Image.fromarray(np.full((40, 40), 70_000, dtype=np.int32))
    for pipeline in ("clip_audit", "openai", "open_clip", "transformers"):
        with pytest.raises(UserError, match="no defined brightness"):
            Preprocess(image_size=SIZE, pipeline=pipeline)(image)  # type: ignore[arg-type]


def test_the_tensor_is_contiguous_float32() -> None:
    found = Preprocess(image_size=SIZE, pipeline="openai")(picture("P"))
    assert found.dtype == torch.float32 and found.is_contiguous() and found.shape == (3, SIZE, SIZE)
