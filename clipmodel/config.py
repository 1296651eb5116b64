"""Model configurations: sizes and the activation, one frozen dataclass a tower.

A configuration that cannot be built fails here, when it is made, with the field's name. The nine
published CLIPs (Radford et al. 2021, tables 19 and 20) and the bundled tiny model are in
`NAMED_CONFIGS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

Activation = Literal["quick_gelu", "gelu"]
MAX_LOGIT_SCALE = 100.0  # the paper keeps the multiplier on similarities at most 100 (section 2.5)


def _require_positive(config: object) -> None:
    for field in fields(config):  # type: ignore[arg-type]
        value = getattr(config, field.name)
        if isinstance(value, int) and not isinstance(value, bool) and value < 1:
            raise ValueError(f"{type(config).__name__}.{field.name} must be at least 1, got {value}")


def _require_divisible(owner: str, width: int, heads: int) -> None:
    if width % heads:
        raise ValueError(f"{owner}: width {width} is not a multiple of heads {heads}")


@dataclass(frozen=True, kw_only=True)
class ViTConfig:
    """Vision transformer tower (paper, section 2.4)."""

    image_size: int  # side of the square input, pixels
    patch_size: int  # side of a patch, pixels; the grid has (image_size // patch_size)^2 of them
    width: int  # residual stream
    layers: int
    heads: int
    mlp_width: int | None = None  # inside the blocks; None: four times the width, as in all of the paper
    # Channels of 3x3 convolutions with stride 2 before the patches; none in the published CLIPs. They help
    # small vision transformers (Xiao et al. 2021, arXiv 2106.14881).
    stem_channels: tuple[int, ...] = ()

    @property
    def patch_stride(self) -> int:
        """Side of a patch on the stem's feature map; patch_size itself without a stem."""
        return self.patch_size // 2 ** len(self.stem_channels)

    def __post_init__(self) -> None:
        _require_positive(self)
        _require_divisible("ViTConfig", self.width, self.heads)
        if self.patch_size % 2 ** len(self.stem_channels):
            raise ValueError(
                f"patch_size {self.patch_size} is not a multiple of the stem's stride, "
                f"2^{len(self.stem_channels)}"
            )
        if self.image_size % self.patch_size:
            raise ValueError(
                f"image_size {self.image_size} is not a multiple of patch_size {self.patch_size}"
            )


@dataclass(frozen=True, kw_only=True)
class ResNetConfig:
    """Modified ResNet tower: three-convolution stem, anti-aliased strides, attention pooling."""

    image_size: int  # side of the square input, pixels; the last feature map is 32 times smaller
    width: int  # channels after the stem; the last stage has 32 times as many
    layers: tuple[int, int, int, int]  # bottlenecks a stage
    heads: int  # of the attention pooling

    def __post_init__(self) -> None:
        _require_positive(self)
        _require_divisible("ResNetConfig", self.width * 32, self.heads)
        if self.image_size % 32:
            raise ValueError(f"image_size {self.image_size} is not a multiple of 32")


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """Causal text transformer; the embedding is read at the end-of-text token."""

    context_length: int  # tokens, start and end included
    vocab_size: int  # the end-of-text token has the highest id
    width: int
    layers: int
    heads: int
    mlp_width: int | None = None  # as in the image tower

    def __post_init__(self) -> None:
        _require_positive(self)
        _require_divisible("TextConfig", self.width, self.heads)


@dataclass(frozen=True, kw_only=True)
class CLIPConfig:
    """Two towers and the space they share."""

    embed_dim: int  # of the joint space
    vision: ViTConfig | ResNetConfig
    text: TextConfig
    activation: Activation  # in both transformers; a wrong one costs accuracy without an error
    logit_bias: bool = False  # a learned bias on the logits, for a model trained with the sigmoid loss

    def __post_init__(self) -> None:
        _require_positive(self)
        if self.activation not in get_args(Activation):
            raise ValueError(f"activation must be one of {get_args(Activation)}, got {self.activation!r}")

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON; `from_dict` reads it back."""
        values = asdict(self)
        for tower in ("vision", "text"):
            # Left out where the paper's holds: what was written, and hashed, before it could be chosen.
            if values[tower].get("mlp_width", 0) is None:
                del values[tower]["mlp_width"]
        values["vision"]["kind"] = "vit" if isinstance(self.vision, ViTConfig) else "resnet"
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CLIPConfig:
        """Build from `to_dict`'s values.

        Raises
        ------
        ValueError
            A key is missing or unknown, or a value is impossible; the message names it.
        """
        try:
            vision = dict(values["vision"])
            kind = vision.pop("kind")
            if kind == "resnet":
                vision["layers"] = tuple(vision["layers"])
                tower: ViTConfig | ResNetConfig = ResNetConfig(**vision)
            elif kind == "vit":
                vision["stem_channels"] = tuple(vision.get("stem_channels", ()))
                tower = ViTConfig(**vision)
            else:
                raise ValueError(f"vision.kind must be 'vit' or 'resnet', got {kind!r}")
            rest = {key: value for key, value in values.items() if key not in ("vision", "text")}
            return cls(vision=tower, text=TextConfig(**values["text"]), **rest)
        except KeyError as error:
            raise ValueError(f"model configuration lacks the key {error}") from error
        except TypeError as error:
            raise ValueError(f"model configuration: {error}") from error


def _text(width: int = 512, *, layers: int = 12) -> TextConfig:
    return TextConfig(context_length=77, vocab_size=49408, width=width, layers=layers, heads=width // 64)


def _resnet(
    embed_dim: int, image_size: int, layers: tuple[int, int, int, int], *, width: int, text_width: int
) -> CLIPConfig:
    tower = ResNetConfig(image_size=image_size, width=width, layers=layers, heads=width * 32 // 64)
    return CLIPConfig(embed_dim=embed_dim, vision=tower, text=_text(text_width), activation="quick_gelu")


def _vit(
    embed_dim: int, image_size: int, patch_size: int, *, width: int, layers: int, text_width: int
) -> CLIPConfig:
    tower = ViTConfig(
        image_size=image_size, patch_size=patch_size, width=width, layers=layers, heads=width // 64
    )
    return CLIPConfig(embed_dim=embed_dim, vision=tower, text=_text(text_width), activation="quick_gelu")


NAMED_CONFIGS: dict[str, CLIPConfig] = {
    "RN50": _resnet(1024, 224, (3, 4, 6, 3), width=64, text_width=512),
    "RN101": _resnet(512, 224, (3, 4, 23, 3), width=64, text_width=512),
    "RN50x4": _resnet(640, 288, (4, 6, 10, 6), width=80, text_width=640),
    "RN50x16": _resnet(768, 384, (6, 8, 18, 8), width=96, text_width=768),
    "RN50x64": _resnet(1024, 448, (3, 15, 36, 10), width=128, text_width=1024),
    "ViT-B/32": _vit(512, 224, 32, width=768, layers=12, text_width=512),
    "ViT-B/16": _vit(512, 224, 16, width=768, layers=12, text_width=512),
    "ViT-L/14": _vit(768, 224, 14, width=1024, layers=24, text_width=768),
    "ViT-L/14@336": _vit(768, 336, 14, width=1024, layers=24, text_width=768),
}
