"""The names of a CLIP's weights in the three published layouts: one table, read in both directions.

Ours are those of `CLIP.state_dict()`. OpenAI's are open_clip's too. transformers keeps the two
projections transposed and the input projection of the attention in three parts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from clipmodel.architecture.clip import CLIP
from clipmodel.config import CLIPConfig
from clipmodel.errors import UserError

Layout = Literal["native", "openai", "transformers"]


@dataclass(frozen=True)
class Name:
    """One row. `{}` stands for a layer's number, or for weight or bias, and is the same in all columns."""

    ours: str
    openai: str
    transformers: tuple[str, ...] = ()  # parts along the first dimension; none where it has no such weight
    transposed: bool = False  # transformers holds the transpose


def _tower(ours: str, openai: str, transformers: str) -> tuple[Name, ...]:
    layer = f"{transformers}.encoder.layers.{{}}"
    columns = (
        ("attn.in_proj_{}", tuple(f"self_attn.{part}_proj.{{}}" for part in "qkv")),
        ("attn.out_proj.{}", ("self_attn.out_proj.{}",)),
        ("ln_1.{}", ("layer_norm1.{}",)),
        ("ln_2.{}", ("layer_norm2.{}",)),
        ("mlp.c_fc.{}", ("mlp.fc1.{}",)),
        ("mlp.c_proj.{}", ("mlp.fc2.{}",)),
        ("ls_1.gamma", ()),  # open_clip's layer scale, which transformers' CLIPModel does not have
        ("ls_2.gamma", ()),
    )
    block = ".resblocks.{}."
    return tuple(
        Name(ours + block + part, openai + block + part, tuple(f"{layer}.{name}" for name in names))
        for part, names in columns
    )


# The first row that fits a name counts.
TABLE: tuple[Name, ...] = (
    Name("log_scale", "logit_scale", ("logit_scale",)),
    Name("logit_bias", "logit_bias"),
    Name(
        "text.token_embedding.weight",
        "token_embedding.weight",
        ("text_model.embeddings.token_embedding.weight",),
    ),
    Name(
        "text.positional_embedding",
        "positional_embedding",
        ("text_model.embeddings.position_embedding.weight",),
    ),
    *_tower("text.transformer", "transformer", "text_model"),
    Name("text.ln_final.{}", "ln_final.{}", ("text_model.final_layer_norm.{}",)),
    Name("text.text_projection", "text_projection", ("text_projection.weight",), transposed=True),
    Name("visual.class_embedding", "visual.class_embedding", ("vision_model.embeddings.class_embedding",)),
    Name(
        "visual.positional_embedding",
        "visual.positional_embedding",
        ("vision_model.embeddings.position_embedding.weight",),
    ),
    # A ResNet has a conv1 too; transformers has no ResNet CLIP, so its configuration cannot ask for one.
    Name("visual.conv1.weight", "visual.conv1.weight", ("vision_model.embeddings.patch_embedding.weight",)),
    Name("visual.ln_pre.{}", "visual.ln_pre.{}", ("vision_model.pre_layrnorm.{}",)),  # sic
    *_tower("visual.transformer", "visual.transformer", "vision_model"),
    Name("visual.ln_post.{}", "visual.ln_post.{}", ("vision_model.post_layernorm.{}",)),
    Name("visual.proj", "visual.proj", ("visual_projection.weight",), transposed=True),
    Name("visual.{}", "visual.{}"),
)
# What else such files carry: sizes in OpenAI's archives, positions counted up in transformers' old files.
SIZES = ("input_resolution", "context_length", "vocab_size")
# What distributed training, torch.compile, Lightning and wrappers of one's own put before every name.
WRAPPERS = ("module.", "_orig_mod.", "model.", "clip_model.", "clip.", "net.")
_INNER_WRAPPERS = re.compile(r"(^|\.)(?:(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.)+")
MAX_LOG_SCALE = math.log(1e6)
_NO_WEIGHTS = re.compile("|".join((*SIZES, r"(text|vision)_model\.embeddings\.position_ids")))


@dataclass(frozen=True)
class TensorSource:
    """Named tensors of which the shapes are known before they are read."""

    where: str  # the file or folder, for messages
    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[str], Tensor]

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], *, where: str) -> TensorSource:
        """Tensors that are in memory."""
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        return cls(where, shapes, tensors.__getitem__)

    def without_prefix(self, prefix: str) -> TensorSource:
        """The same tensors, with a prefix taken off the names that have it."""
        return self.renamed(lambda name: name.removeprefix(prefix))

    def without_wrappers(self) -> TensorSource:
        """The same tensors under their own names: what torch's wrappers put before all of them goes.

        Raises
        ------
        UserError
            Two names become one.
        """
        source = self.renamed(lambda name: _INNER_WRAPPERS.sub(r"\1", name))
        # Wrappers nest, such as DDP around torch.compile: each turn takes one prefix off all names.
        while found := next((p for p in WRAPPERS if all(n.startswith(p) for n in source.shapes)), None):
            if not source.shapes:
                break
            source = source.without_prefix(found)
        return source

    def renamed(self, rename: Callable[[str], str]) -> TensorSource:
        """The same tensors under other names.

        Raises
        ------
        UserError
            Two names become one.
        """
        names: dict[str, str] = {}
        for name in self.shapes:
            if (new := rename(name)) in names:
                raise UserError(
                    f"{self.where}: {names[new]} and {name} are both {new}",
                    remedy="save the weights of one model only",
                )
            names[new] = name
        shapes = {short: self.shapes[name] for short, name in names.items()}
        return replace(self, shapes=shapes, read=lambda short: self.read(names[short]))


def names_in(layout: Layout, ours: str) -> tuple[tuple[str, ...], bool]:
    """What a weight of ours is called: the names of its parts, and whether they are transposed.

    No names: the layout has no such weight.
    """
    if layout == "native":
        return (ours,), False
    row, filled = _row(ours)
    if layout == "openai":
        return (row.openai.format(*filled),), False
    return tuple(name.format(*filled) for name in row.transformers), row.transposed


@cache
def _row(ours: str) -> tuple[Name, tuple[str, ...]]:
    for row in TABLE:
        # The row is a pattern: `{}` matches anything, so the last row catches what is left of the image
        # tower.
        match = re.fullmatch(re.escape(row.ours).replace(r"\{\}", "(.+)"), ours)
        if match:
            return row, match.groups()
    raise AssertionError(f"{ours} is missing in the table of names")


def expected_shapes(config: CLIPConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a model's weights, without building them."""
    weights = CLIP.without_weights(config).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def to_ours(source: TensorSource, config: CLIPConfig, layout: Layout) -> dict[str, Tensor]:
    """Read all weights of a model under our names, with the precision they are stored in.

    Raises
    ------
    UserError
        A name is missing or unknown, a shape is not the configuration's, or a value is NaN or infinite.
    """
    expected = expected_shapes(config)
    places = {ours: names_in(layout, ours) for ours in expected}
    _require_same_names(source, [name for names, _ in places.values() for name in names])
    weights = {}
    # The largest first: what is copied is there twice, which costs least while all else is absent.
    for ours in sorted(expected, key=lambda name: math.prod(expected[name]), reverse=True):
        names, transposed = places[ours]
        shape = _part_shape(expected[ours], len(names), transposed)
        parts = [_checked(source, name, shape) for name in names]
        # transformers stores q, k and v as three weights; ours and OpenAI's stack them in one.
        tensor = torch.cat(parts) if len(parts) > 1 else parts[0]
        weights[ours] = tensor.T.contiguous() if transposed else tensor
    return weights


def from_ours(weights: Mapping[str, Tensor], layout: Layout) -> dict[str, Tensor]:
    """The same weights under a layout's names; the inverse of `to_ours`.

    Raises
    ------
    UserError
        The layout has no name for a weight.
    """
    theirs = {}
    for ours, tensor in weights.items():
        names, transposed = names_in(layout, ours)
        if not names:
            raise UserError(f"transformers' CLIPModel has no place for {ours}", remedy="use another format")
        whole = tensor.T if transposed else tensor
        parts = whole.chunk(len(names)) if len(names) > 1 else (whole,)
        theirs.update({name: part.contiguous() for name, part in zip(names, parts, strict=True)})
    return theirs


def _part_shape(shape: tuple[int, ...], parts: int, transposed: bool) -> tuple[int, ...]:
    shape = shape[::-1] if transposed else shape
    return (shape[0] // parts, *shape[1:]) if parts > 1 else shape


def _checked(source: TensorSource, name: str, shape: tuple[int, ...]) -> Tensor:
    tensor = source.read(name)
    if shape == () and tensor.numel() == 1:
        tensor = tensor.reshape(())  # sharded training keeps the temperature with shape [1]
    if tuple(tensor.shape) != shape:
        raise UserError(
            f"{source.where}: {name} has shape {tuple(tensor.shape)}, expected {shape}",
            remedy="only the architectures of the CLIP paper can be read",
        )
    if not tensor.is_floating_point() and not name.endswith("num_batches_tracked"):
        raise UserError(
            f"{source.where}: {name} holds {str(tensor.dtype).removeprefix('torch.')} values, not floats",
            remedy="use weights that are not quantised",
        )
    if tensor.is_floating_point() and tensor.itemsize < 2:
        tensor = tensor.to(torch.float32)  # 8-bit floats have neither minimum nor maximum in torch
    if not torch.isfinite(torch.stack(tensor.aminmax())).all():  # one pass, no mask as large as the tensor
        raise UserError(
            f"{source.where}: {name} holds NaN or infinite values", remedy="use another checkpoint"
        )
    if name.endswith(("logit_scale", "log_scale")) and not 0 <= float(tensor) <= MAX_LOG_SCALE:
        raise UserError(
            f"{source.where}: {name} is {float(tensor):.3g}: the multiplier would be "
            f"exp({float(tensor):.3g}), which the paper keeps between 1 and 100",
            remedy="use another checkpoint",
        )
    return tensor


def _require_same_names(source: TensorSource, expected: Iterable[str]) -> None:
    expected = set(expected)
    prefix = _common_prefix(source.shapes.keys(), expected)
    if prefix:
        raise UserError(
            f"{source.where}: every name begins with {prefix!r}, such as {min(source.shapes)}",
            remedy=f"take {prefix!r} off the names and save them again",
        )
    found = {name for name in source.shapes if name in expected or not _NO_WEIGHTS.fullmatch(name)}
    faults = [
        f"{what} {_first(names)}"
        for what, names in (("lacks", expected - found), ("has the unknown", found - expected))
        if names
    ]
    if faults:
        raise UserError(
            f"{source.where} {' and '.join(faults)}",
            remedy="only CLIP as published can be read, with these two towers and nothing else",
        )


def _common_prefix(names: Collection[str], expected: set[str]) -> str:
    """What stands before all names, if without it one of them is a weight's."""
    first, last = min(names, default=""), max(names, default="")
    # What the first and the last in order share, all share.
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    start = first[: first[:same].rfind(".") + 1]
    return start if any(name.removeprefix(start) in expected for name in names if start) else ""


def _first(names: set[str]) -> str:
    return min(names) + (f" and {len(names) - 1} more" if len(names) > 1 else "")
