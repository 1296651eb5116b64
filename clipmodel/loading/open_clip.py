"""Any model of open_clip, by its own code: a published tag, a file, a folder with open_clip_config.json.

The preprocessing belongs to the weights. A tag has its own; a file is read with the configuration beside it,
or with that of a tag the user names; without either it is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from clipmodel.architecture.clip import Precision
from clipmodel.checkpoints import NotClipError
from clipmodel.checkpoints.open_clip_config import OPEN_CLIP_CONFIG_FILE
from clipmodel.checkpoints.tensor_files import load_tensors_only, open_safetensors, read_json, require_tensors
from clipmodel.checkpoints.weight_names import TensorSource
from clipmodel.errors import UserError
from clipmodel.inputs.image_decoding import plain_rgb, refuse_undefined
from clipmodel.inputs.tokenizer import refuse_panic
from clipmodel.loading.adapted_model import AdaptedModel, multiplier, probed_dim, scalar
from clipmodel.loading.declared_sizes import require_sane_config
from clipmodel.yaml_models import closest

PREFIX, FOLDER = "open_clip:", "local-dir:"
USAGE = f"{PREFIX}ARCHITECTURE/TAG, {PREFIX}ARCHITECTURE/PATH or {PREFIX}ARCHITECTURE/TAG@PATH"
DEFAULT_TAG = "default"  # of weights trained with open_clip's defaults: CLIP's preprocessing
# The names that open_clip looks for in a folder, in its order.
_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "model.safetensors")


@dataclass(frozen=True, kw_only=True)
class OpenClipName:
    """What stands after "open_clip:"."""

    architecture: str
    tag: str | None  # whose preprocessing, and whose weights if there is no path
    path: Path | None

    @classmethod
    def parse(cls, text: str) -> OpenClipName:
        """ARCHITECTURE/TAG, ARCHITECTURE/PATH or ARCHITECTURE/TAG@PATH.

        Raises
        ------
        UserError
            There is no slash.
        """
        architecture, _, rest = text.partition("/")
        if not rest:
            raise UserError(f"{PREFIX}{text}: expected {USAGE}", remedy="name the weights after a slash")
        # A file of that name wins over a tag: paths may hold an "@" too.
        if Path(rest).is_file():
            return cls(architecture=architecture, tag=None, path=Path(rest))
        tag, at, path = rest.partition("@")
        return cls(architecture=architecture, tag=tag, path=Path(path) if at else None)


def load_open_clip(text: str, *, device: str, precision: Precision) -> AdaptedModel:
    """A model of a published architecture: what follows "open_clip:" in its name.

    Raises
    ------
    UserError
        open_clip is not installed, does not know the name, cannot get or read the weights; they were trained
        with another activation than the architecture has; or nothing says how images are preprocessed.
    """
    name = OpenClipName.parse(text)
    open_clip = _imported()
    _require_known(open_clip, name)
    settings: dict[str, Any] = {}
    if name.path is not None:
        _require_readable(name.path)
        steps = _preprocess_of(open_clip, name)
        settings = {f"image_{step}": value for step, value in steps.items()}
    weights = str(name.path or name.tag)
    return _adapted(
        open_clip,
        name.architecture,
        name=f"{PREFIX}{text}",
        device=device,
        precision=precision,
        pretrained=weights,
        **settings,
    )


def load_open_clip_folder(folder: Path, *, name: str, device: str, precision: Precision) -> AdaptedModel:
    """A model whose open_clip_config.json lies beside its weights, whatever its towers are.

    Raises
    ------
    UserError
        open_clip is not installed, the folder is incomplete or damaged, or the configuration declares more
        than the weights are.
    """
    open_clip = _imported()
    path = folder / OPEN_CLIP_CONFIG_FILE
    if not path.is_file():
        raise UserError(f"{folder}: no {OPEN_CLIP_CONFIG_FILE}", remedy="copy it from the weights' page")
    values = read_json(path)
    if not isinstance(values.get("model_cfg"), dict):
        raise UserError(f"{path} lacks 'model_cfg'", remedy="restore the file")
    if not isinstance(values.get("preprocess_cfg"), dict):
        raise UserError(
            f"{path} has no preprocess_cfg, which says how images are resized and normalised",
            remedy="add the preprocess_cfg that the weights were published with",
        )
    require_sane_config(values, where=str(path))
    weights = next((folder / file for file in _WEIGHTS if (folder / file).is_file()), None)
    if weights is None:
        raise UserError(f"{folder}: no {_WEIGHTS[0]}", remedy="point to a complete model folder")
    _require_enough(_require_readable(weights), values["model_cfg"])
    return _adapted(open_clip, f"{FOLDER}{folder}", name=name, device=device, precision=precision)


def _adapted(
    open_clip: Any, architecture: str, *, name: str, device: str, precision: Precision, **settings: Any
) -> AdaptedModel:
    with _told(name, "check the network or the file"):
        # weights_only: a pickle of weights could run code.
        module, _, transform = open_clip.create_model_and_transforms(
            architecture, precision=precision, device=device, weights_only=True, **settings
        )
    module.eval()
    for weight, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(torch.stack(tensor.aminmax())).all():
            raise UserError(f"{name}: {weight} holds NaN or infinite values", remedy="use other weights")
    with _told(f"{name}: its tokenizer", "put the tokenizer's files beside the weights"):
        tokenizer = open_clip.get_tokenizer(architecture)
    image_features, text_features = module.encode_image, _texts(module, tokenizer, device=device, name=name)
    dtype = next(module.visual.parameters()).dtype

    def images(pixels: Tensor) -> Tensor:
        features: Tensor = image_features(pixels.to(device, dtype))
        return features

    def preprocess(image: Image.Image) -> Tensor:
        refuse_undefined(image)
        # The transforms convert after the resize; modes they cannot resize are converted before it.
        plain = image if image.mode in ("RGB", "L", "RGBA", "LA", "P", "1", "CMYK") else plain_rgb(image)
        pixels: Tensor = transform(plain)
        return pixels

    bias = getattr(module, "logit_bias", None)
    scale = scalar(module.logit_scale, where=name, what="logit_scale")
    with _told(name, "restore the folder"):
        dim = probed_dim(preprocess, images, text_features, where=name)
    return AdaptedModel(
        name=name,
        module=module,
        embed_dim=dim,
        device=device,
        precision=precision,
        preprocess_id=f"open_clip {json.dumps(module.visual.preprocess_cfg, sort_keys=True)}",
        tokenizer_id=_tokenizer_id(tokenizer),
        # open_clip keeps the logarithm.
        logit_scale=multiplier(float(torch.tensor(scale).exp()), where=name),
        logit_bias=None if bias is None else scalar(bias, where=name, what="logit_bias"),
        transform=preprocess,
        image_features=images,
        text_features=text_features,
    )


def _texts(module: Any, tokenizer: Any, *, device: str, name: str) -> Callable[[Sequence[str]], Tensor]:
    def features(texts: Sequence[str]) -> Tensor:
        with _told(f"{name}: its tokenizer", "put the tokenizer's files beside the weights"):
            tokens = tokenizer(list(texts))
        features: Tensor = module.encode_text(tokens.to(device))
        return features

    return features


def _tokenizer_id(tokenizer: Any) -> str:
    """Kind and length; of a tokenizer of transformers its whole rules."""
    backend = getattr(getattr(tokenizer, "tokenizer", None), "backend_tokenizer", None)
    rules = "" if backend is None else f" {backend.to_str()}"
    return f"open_clip {type(tokenizer).__name__} {tokenizer.context_length}{rules}"


@contextmanager
def _told(where: str, remedy: str) -> Any:
    """What open_clip, timm or transformers raise, as the user's error that names the model."""
    with refuse_panic(where):
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            line = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise UserError(f"{where}: {line}", remedy=remedy) from error


def _imported() -> Any:
    try:
        import open_clip
    except (ImportError, RuntimeError) as error:  # a torchvision of another build raises RuntimeError
        raise UserError(
            f"open_clip cannot be imported: {error}", remedy='pip install "clip-audit[open_clip]"'
        ) from error
    return open_clip


def load_folder_by_library(
    folder: Path, refusal: NotClipError, *, name: str, device: str, precision: Precision
) -> AdaptedModel:
    """A folder that our own towers refused, by open_clip if it is installed; else the refusal."""
    try:
        _imported()
    except UserError as missing:
        raise UserError(f"{refusal.message}; open_clip could read it", remedy=missing.remedy) from missing
    return load_open_clip_folder(folder, name=name, device=device, precision=precision)


def _require_known(open_clip: Any, name: OpenClipName) -> None:
    known = open_clip.list_models()
    if name.architecture not in known:
        raise UserError(
            f"open_clip has no architecture {name.architecture!r}", remedy=closest(name.architecture, known)
        )
    if name.path is not None and not name.path.is_file():
        raise UserError(f"{name.path}: no such file", remedy="check the path")
    tags = open_clip.list_pretrained_tags_by_model(name.architecture)
    if name.tag is None or (name.tag == DEFAULT_TAG and name.path is not None):
        return
    if name.tag not in tags:
        remedy = closest(name.tag, tags) if tags else "name the path of a checkpoint"
        raise UserError(f"open_clip has no weights {name.tag!r} for {name.architecture}", remedy=remedy)
    trained_with = open_clip.get_pretrained_cfg(name.architecture, name.tag).get("quick_gelu", False)
    if trained_with and not open_clip.get_model_config(name.architecture).get("quick_gelu", False):
        path = "" if name.path is None else f"@{name.path}"
        raise UserError(
            f"{PREFIX}{name.architecture}/{name.tag} was trained with quick_gelu, "
            f"{name.architecture} has gelu",
            remedy=f"use {PREFIX}{name.architecture}-quickgelu/{name.tag}{path}",
        )


_STEPS = ("mean", "std", "interpolation", "resize_mode")


def _preprocess_of(open_clip: Any, name: OpenClipName) -> dict[str, Any]:
    """The steps of the tag named, of the file's configuration, or of all published tags if they agree."""
    assert name.path is not None
    if name.tag == DEFAULT_TAG:
        return {}
    if name.tag is not None:
        return _steps(open_clip.get_pretrained_cfg(name.architecture, name.tag))
    beside = name.path.parent / OPEN_CLIP_CONFIG_FILE
    if beside.is_file():
        stated = read_json(beside).get("preprocess_cfg")
        if not isinstance(stated, dict):
            raise UserError(f"{beside} has no preprocess_cfg", remedy="restore the file")
        return _steps(stated)
    tags = open_clip.list_pretrained_tags_by_model(name.architecture)
    known = [_steps(open_clip.get_pretrained_cfg(name.architecture, tag)) for tag in tags]
    if known and all(steps == known[0] for steps in known):
        return known[0]
    why = "its published weights differ in that" if known else "none of its weights are published"
    some = f"{name.architecture}/{tags[0] if tags else DEFAULT_TAG}@{name.path}"
    raise UserError(
        f"{PREFIX}{name.architecture}/{name.path}: nothing says how images are preprocessed: {why}",
        remedy=f"put {OPEN_CLIP_CONFIG_FILE} beside the file, or name the tag it is or began as: "
        f"{PREFIX}{some}; {DEFAULT_TAG!r} as the tag stands for CLIP's own",
    )


def _steps(values: Mapping[str, Any]) -> dict[str, Any]:
    return {step: values[step] for step in _STEPS if values.get(step) is not None}


def _require_readable(path: Path) -> TensorSource:
    """Check a file of weights as for our own models, before open_clip reads it."""
    if path.suffix == ".safetensors":
        return open_safetensors(path)[0]
    content = load_tensors_only(path)
    wrapped = isinstance(content, dict) and "state_dict" in content
    tensors = require_tensors(content["state_dict"] if wrapped else content, where=str(path))
    return TensorSource.of(tensors, where=str(path))


def _require_enough(source: TensorSource, model: Mapping[str, Any]) -> None:
    """A tower has at least four squares of its width a layer: refuse one that the file cannot fill."""
    held = sum(torch.Size(shape).numel() for shape in source.shapes.values())
    for key in ("vision_cfg", "text_cfg"):
        tower = model.get(key) if isinstance(model.get(key), dict) else {}
        assert tower is not None
        layers, width, words = (tower.get(name) or 0 for name in ("layers", "width", "vocab_size"))
        if not all(isinstance(number, int) for number in (layers, width, words)):
            continue
        if 4 * layers * width**2 + words * width > 1.1 * held:
            raise UserError(
                f"{source.where}: {key} describes more weights than the {held:,} in the file",
                remedy="restore the configuration that the weights were published with",
            )
