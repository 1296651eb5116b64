"""Model configurations: sizes and the activation, one frozen dataclass a tower.

A configuration that cannot be built fails here, when it is made, with the field's name. The nine
published CLIPs (Radford et al. 2021, tables 19 and 20) and the bundled tiny model are in
`NAMED_CONFIGS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, Literal, get_args

Activation = Literal["quick_gelu", "gelu", "gelu_tanh", "relu", "silu"]
LAYER_NORM_EPS = 1e-5  # of all of the paper's models
# No model of this kind comes near. A configuration is refused before anything of its size is built.
MAX_LAYERS, MAX_WIDTH, MAX_IMAGE_SIZE, MAX_VOCABULARY = 1_000, 65_536, 8_192, 10_000_000
MAX_PARAMETERS = 50_000_000_000
MAX_LOGIT_SCALE = 100.0  # the paper keeps the multiplier on similarities at most 100 (section 2.5)


_LIMITS = {
    "layers": MAX_LAYERS,
    "heads": MAX_WIDTH,
    "width": MAX_WIDTH,
    "mlp_width": 16 * MAX_WIDTH,
    "embed_dim": MAX_WIDTH,
    "image_size": MAX_IMAGE_SIZE,
    "patch_size": MAX_IMAGE_SIZE,
    "stem_channels": MAX_WIDTH,
    "context_length": MAX_WIDTH,
    "vocab_size": MAX_VOCABULARY,
}


def _require_sizes(config: object) -> None:
    """Whole numbers where sizes are expected, from 1 to what a model of this kind can have."""
    for field in fields(config):  # type: ignore[arg-type]
        value, most = getattr(config, field.name), _LIMITS.get(field.name)
        where = f"{type(config).__name__}.{field.name}"
        if most is None or value is None:
            continue
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, bool) or not isinstance(number, int):
                raise ValueError(f"{where} must be a whole number, got {number!r}")
            if number < 1:
                raise ValueError(f"{where} must be at least 1, got {number}")
            if number > most:
                raise ValueError(f"{where} is {number}, more than {most:,}")


def _require_tower_details(config: ViTConfig | TextConfig) -> None:
    where = type(config).__name__
    if config.activation is not None and config.activation not in get_args(Activation):
        raise ValueError(
            f"{where}.activation must be one of {get_args(Activation)}, got {config.activation!r}"
        )
    eps = config.layer_norm_eps
    if isinstance(eps, bool) or not isinstance(eps, int | float) or not 0 < eps < 1:
        raise ValueError(f"{where}.layer_norm_eps must lie between 0 and 1, got {eps!r}")


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
    activation: Activation | None = None  # None: the model's; some models have one a tower
    layer_norm_eps: float = LAYER_NORM_EPS
    ln_pre: bool = True  # a layer norm before the blocks; CLIPA's towers have none
    layer_scale: bool = False  # a learned gain on what each half of a block adds

    @property
    def patch_stride(self) -> int:
        """Side of a patch on the stem's feature map; patch_size itself without a stem."""
        stride: int = self.patch_size // 2 ** len(self.stem_channels)
        return stride

    def __post_init__(self) -> None:
        _require_sizes(self)
        _require_tower_details(self)
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
        _require_sizes(self)
        if len(self.layers) != 4:
            raise ValueError(f"ResNetConfig.layers must be four numbers, got {self.layers!r}")
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
    activation: Activation | None = None
    layer_norm_eps: float = LAYER_NORM_EPS
    layer_scale: bool = False

    def __post_init__(self) -> None:
        _require_sizes(self)
        _require_tower_details(self)
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
        _require_sizes(self)
        if self.activation not in get_args(Activation):
            raise ValueError(f"activation must be one of {get_args(Activation)}, got {self.activation!r}")
        if self.parameters > MAX_PARAMETERS:
            raise ValueError(
                f"the model would have {self.parameters:.1e} parameters, more than {MAX_PARAMETERS:.0e}"
            )

    @property
    def parameters(self) -> int:
        """About how many weights the model has: blocks, embeddings and convolutions; for limits only."""
        text, vision = self.text, self.vision
        total = text.layers * _block(text.width, text.mlp_width) + text.vocab_size * text.width
        if isinstance(vision, ViTConfig):
            # The position embeddings of the patches, and the patch convolution's weights on three channels.
            tokens = (vision.image_size // vision.patch_size) ** 2 + 3 * vision.patch_stride**2
            return total + vision.layers * _block(vision.width, vision.mlp_width) + tokens * vision.width
        # A bottleneck of stage s has 17 (w 2^s)^2 weights: 1x1 from 4w, 3x3, 1x1 to 4w.
        stages = sum(n * 17 * (vision.width * 2**stage) ** 2 for stage, n in enumerate(vision.layers))
        weights: int = total + stages + 3 * (32 * vision.width) ** 2
        return weights

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON; `from_dict` reads it back."""
        values = asdict(self)
        for name, tower in (("vision", self.vision), ("text", self.text)):
            # Left out where the paper's holds: what was written, and hashed, before it could be chosen.
            for field in fields(tower):
                chosen = field.default is MISSING or getattr(tower, field.name) != field.default
                if not chosen and field.name != "stem_channels":
                    del values[name][field.name]
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
        except (TypeError, AttributeError) as error:
            raise ValueError(f"model configuration: {error}") from error


def _block(width: int, mlp_width: int | None) -> int:
    """Weights of a transformer block: the attention's four squares and the MLP's two matrices."""
    return 4 * width**2 + 2 * width * (mlp_width or 4 * width)


def _text(width: int = 512, *, layers: int = 12) -> TextConfig:
    return TextConfig(context_length=77, vocab_size=49408, width=width, layers=layers, heads=width // 64)


def _resnet(
    embed_dim: int, image_size: int, layers: tuple[int, int, int, int], *, width: int, text_width: int
) -> CLIPConfig:
    # Heads of 64 channels, as in all of the paper's poolings.
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
