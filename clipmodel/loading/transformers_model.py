"""Any dual encoder of transformers: get_image_features, get_text_features and its own processor.

Images go through the model's own image processor with Pillow, texts through its own tokenizer with the
padding it was trained with.

Shapes: N images, C texts, L tokens, P patches, D joint embedding.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from clipmodel.architecture.clip import Precision
from clipmodel.checkpoints.checkpoint import CONFIG_FILE, PREPROCESS_FILE, PROCESSOR_FILE
from clipmodel.checkpoints.tensor_files import open_folder, read_json
from clipmodel.errors import UserError
from clipmodel.inputs.image_decoding import rgb_on_white
from clipmodel.inputs.tokenizer import refuse_panic
from clipmodel.loading.adapted_model import AdaptedModel, dtype_of, multiplier, probed_dim, scalar
from clipmodel.loading.declared_sizes import require_sane_config, require_tensors_of_size

# Trained on texts padded to their full length without a mask: the last position is the embedding.
_FULL_LENGTH = ("siglip", "siglip2")
# Trained on texts of this many tokens at most, as their processors say.
_MAX_LENGTH = {"align": 64}
_ONE_TOWER = {"vision": "a text tower", "text": "an image tower"}
_RETRIEVAL = "BlipForImageTextRetrieval"
Features = Callable[[Tensor], Tensor]


def load_transformers(folder: Path, *, name: str, device: str, precision: Precision) -> AdaptedModel:
    """A dual encoder from a transformers folder.

    Parameters
    ----------
    folder
        What `save_pretrained` of transformers 4 or 5 wrote, with model, tokenizer and image processor.
    name
        What the user called it.
    device
        A torch device.
    precision
        "fp32", "bf16" or "fp16".

    Raises
    ------
    UserError
        transformers is not installed; the folder is incomplete, damaged or declares absurd sizes; it needs
        code of its own; or it holds one tower alone, or no dual encoder.
    """
    try:
        import transformers
    except ImportError as error:
        raise UserError(f"{folder} needs transformers: {error}", remedy="pip install transformers") from error
    config = _checked_config(folder)
    module = _module(transformers, folder, config, precision).to(device).eval()
    processor = _image_processor(transformers, folder)
    tokenizer = _tokenizer(transformers, folder)
    transform = _transform(processor, module)
    image_features, text_features = _calls(
        module, tokenizer, kind=config["model_type"], device=device, precision=precision, where=str(folder)
    )
    scale, bias, note = _temperature(module, where=str(folder))
    settings = {key: value for key, value in processor.to_dict().items() if _plain(value)}
    return AdaptedModel(
        name=name,
        module=module,
        embed_dim=_probed(transform, image_features, text_features, where=str(folder)),
        device=device,
        precision=precision,
        preprocess_id=f"transformers {json.dumps(settings, sort_keys=True)}",
        tokenizer_id=_identity(tokenizer),
        logit_scale=scale,
        logit_bias=bias,
        transform=transform,
        image_features=image_features,
        text_features=text_features,
        note=note,
    )


def _probed(transform: Any, images: Any, texts: Any, *, where: str) -> int:
    try:
        return probed_dim(transform, images, texts, where=where)
    except UserError:
        raise
    except Exception as error:  # parts of a folder that do not fit each other fail anywhere
        raise UserError(
            f"{where}: model, tokenizer and image processor do not fit each other: {_first_line(error)}",
            remedy="copy the whole folder from where it was published",
        ) from error


def _checked_config(folder: Path) -> dict[str, Any]:
    """config.json, refused before anything is built of it."""
    path = folder / CONFIG_FILE
    values = read_json(path)
    kind = values.get("model_type")
    if not isinstance(kind, str):
        raise UserError(f"{path}: no model_type", remedy="point to a folder that transformers wrote")
    require_sane_config(values, where=str(path))
    architectures = values.get("architectures") or []
    for tower, lacks in _ONE_TOWER.items():
        alone = kind.endswith(f"_{tower}_model") or any(
            f"{tower.title()}Model" in str(name) for name in architectures
        )
        if alone:
            raise UserError(
                f"{path}: one tower alone ({_first(architectures) or kind}): it lacks {lacks}",
                remedy="use the folder of the whole model",
            )
    return values


def _module(transformers: Any, folder: Path, config: Mapping[str, Any], precision: Precision) -> nn.Module:
    source = open_folder(folder)
    kind = config["model_type"]
    try:
        settings = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        model_class = _class(transformers, config)
        # On the meta device the sizes are known before memory is taken for them.
        with torch.device("meta"):
            make = getattr(model_class, "_from_config", None) or model_class.from_config
            empty = make(settings)
        require_tensors_of_size(source, sum(p.numel() for p in empty.parameters()))
        module: nn.Module
        module, info = model_class.from_pretrained(
            folder,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are named below, which the library does not
            **{_dtype_word(transformers): dtype_of(precision)},
        )
    except UserError:
        raise
    except Exception as error:  # transformers raises what it pleases on a folder it cannot read
        remedy = "point to a complete folder of a model that transformers has"
        if "auto_map" in config:
            remedy = "its code is not part of transformers and is not run: use a factory, module:factory"
        raise UserError(f"{folder} ({kind}): {_first_line(error)}", remedy=remedy) from error
    _require_whole(module, info, where=f"{folder} ({kind})")
    return module


def _class(transformers: Any, config: Mapping[str, Any]) -> Any:
    """The class that wrote the folder if it has both towers' calls; otherwise the model type's own."""
    for name in config.get("architectures") or []:
        found = getattr(transformers, str(name), None)
        if name == _RETRIEVAL or (
            hasattr(found, "get_image_features") and hasattr(found, "get_text_features")
        ):
            return found
    return transformers.AutoModel


def _dtype_word(transformers: Any) -> str:
    """from_pretrained's argument, renamed in transformers 4.56."""
    major, minor = (int(part) for part in transformers.__version__.split(".")[:2])
    return "dtype" if (major, minor) >= (4, 56) else "torch_dtype"


def _require_whole(module: nn.Module, info: Mapping[str, Any], *, where: str) -> None:
    """Refuse what the library would have filled with random values without a word."""
    missing, unknown = sorted(info["missing_keys"]), sorted(info["unexpected_keys"])
    if missing:
        but = f", but has {unknown[0]}" if unknown else ""
        raise UserError(
            f"{where}: lacks {missing[0]}{_more(missing)}{but}",
            remedy="the library would fill it with random values; use the folder of the whole model",
        )
    if info.get("mismatched_keys"):
        name = min(entry[0] for entry in info["mismatched_keys"])
        raise UserError(
            f"{where}: {name} has another shape than the configuration says", remedy="restore the folder"
        )
    for name, weight in module.state_dict().items():
        if weight.is_complex() or (
            weight.is_floating_point() and not torch.isfinite(torch.stack(weight.aminmax())).all()
        ):
            raise UserError(
                f"{where}: {name} holds NaN, infinite or complex values", remedy="use other weights"
            )
    calls = ("get_image_features", "get_text_features")
    if type(module).__name__ != _RETRIEVAL and not all(hasattr(module, call) for call in calls):
        raise UserError(
            f"{where} is a {type(module).__name__}, which has no {' and '.join(calls)}",
            remedy="use a dual encoder, such as CLIP or SigLIP",
        )


def _image_processor(transformers: Any, folder: Path) -> Any:
    if not any((folder / name).is_file() for name in (PREPROCESS_FILE, PROCESSOR_FILE)):
        raise UserError(
            f"{folder}: neither {PREPROCESS_FILE} nor {PROCESSOR_FILE} says how images are preprocessed",
            remedy="copy the file from where the weights were published",
        )
    # By Pillow, whatever else is installed: the same pixels everywhere.
    by_pillow = (
        {"backend": "pil"} if int(transformers.__version__.split(".")[0]) >= 5 else {"use_fast": False}
    )
    try:
        return transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True, **by_pillow)
    except Exception as error:
        raise UserError(
            f"{folder}: image processor: {_first_line(error)}", remedy="restore the file"
        ) from error


def _tokenizer(transformers: Any, folder: Path) -> Any:
    with refuse_panic(folder):
        try:
            return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as error:
            raise UserError(
                f"{folder}: no readable tokenizer: {_first_line(error)}",
                remedy="copy the tokenizer's files from where the weights were published",
            ) from error


def _transform(processor: Any, module: nn.Module) -> Callable[[Image.Image], Tensor]:
    """One image to float32; what a model takes beside pixels is packed as further columns of its patches."""
    packs = "spatial_shapes" in _accepted(getattr(module, "get_image_features", None) or module.forward)

    def transform(image: Image.Image) -> Tensor:
        made = processor(images=rgb_on_white(image), return_tensors="pt")
        pixels: Tensor = made["pixel_values"][0].float()
        if not packs:
            return pixels
        mask = made["pixel_attention_mask"][0].float()[:, None]  # [P, 1]
        shape = made["spatial_shapes"][0].float().expand(len(pixels), 2)  # [P, 2]
        return torch.cat([pixels, mask, shape], dim=1)

    return transform


def _calls(
    module: Any, tokenizer: Any, *, kind: str, device: str, precision: Precision, where: str
) -> tuple[Features, Callable[[Sequence[str]], Tensor]]:
    """Both towers, as functions of pixels and of texts."""
    images, texts = _towers(module)
    dtype, accepted = dtype_of(precision), _accepted(texts)
    # model_max_length is about 1e30 for a tokenizer that states none.
    length = min(_positions(module), tokenizer.model_max_length, _MAX_LENGTH.get(kind, 2**20))
    packs = "spatial_shapes" in _accepted(images)
    full = kind in _FULL_LENGTH or kind in _MAX_LENGTH

    def image_features(pixels: Tensor) -> Tensor:
        if not packs:
            return _pooled(images(pixel_values=pixels.to(device, dtype)))
        # Packed by `_transform`, since `EmbeddingModel` hands over one tensor; rounded, as they were floats
        # on the way.
        values, mask, shape = pixels[..., :-3], pixels[..., -3], pixels[:, 0, -2:]
        return _pooled(
            images(
                pixel_values=values.to(device, dtype),
                pixel_attention_mask=mask.to(device).round().int(),
                spatial_shapes=shape.to(device).round().long(),
            )
        )

    def text_features(strings: Sequence[str]) -> Tensor:
        padding = "max_length" if full else True
        with refuse_panic(where):
            made = tokenizer(
                list(strings), padding=padding, truncation=True, max_length=length, return_tensors="pt"
            )
        kept = {key: value.to(device) for key, value in made.items() if key in accepted}
        if kind in _FULL_LENGTH:
            kept.pop("attention_mask", None)
        return _pooled(texts(**kept))

    return image_features, text_features


def _towers(module: Any) -> tuple[Any, Any]:
    """The calls for features; BLIP's retrieval model has a contrastive head without such calls."""
    if type(module).__name__ != _RETRIEVAL:
        return module.get_image_features, module.get_text_features

    def images(pixel_values: Tensor) -> Tensor:
        # The class token comes first.
        projected: Tensor = module.vision_proj(module.vision_model(pixel_values=pixel_values)[0][:, 0])
        return projected

    def texts(input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        states = module.text_encoder(input_ids=input_ids, attention_mask=attention_mask)[0]
        projected: Tensor = module.text_proj(states[:, 0])
        return projected

    return images, texts


def _accepted(call: Any) -> set[str]:
    return set(inspect.signature(call).parameters)


def _positions(module: nn.Module) -> int:
    """How many tokens the text tower has positions for."""
    for name, part in module.named_modules():
        named = name.endswith(("position_embedding", "position_embeddings"))
        if isinstance(part, nn.Embedding) and named and "vision" not in name:
            # RoBERTa's kind counts from behind the padding's id.
            return part.num_embeddings - (0 if part.padding_idx is None else part.padding_idx + 1)
    text = getattr(getattr(module, "config", None), "text_config", None)
    return int(getattr(text, "max_position_embeddings", None) or 2**20)


def _pooled(output: Any) -> Tensor:
    """transformers 5 returns an object where 4 returned the tensor; FLAVA's holds one vector per token."""
    features = output if isinstance(output, Tensor) else output.pooler_output
    return features[:, 0] if features.ndim == 3 else features


def _temperature(module: nn.Module, *, where: str) -> tuple[float, float | None, str]:
    """The multiplier on cosine similarities, the bias, and a note if the model has no temperature."""
    bias = getattr(module, "logit_bias", None)
    offset = None if bias is None else scalar(bias, where=where, what="logit_bias")
    if (log_scale := getattr(module, "logit_scale", None)) is not None:
        log = scalar(log_scale, where=where, what="logit_scale")
        return multiplier(_exp(log), where=where), offset, ""
    if (temperature := getattr(module, "temperature", None)) is not None:
        value = scalar(temperature, where=where, what="temperature")
        if value <= 0:
            raise UserError(f"{where}: the temperature is {value}", remedy="use other weights")
        return multiplier(1 / value, where=where), offset, ""
    return 1.0, offset, "the weights hold no temperature: similarities are compared as they are, times 1"


def _exp(log: float) -> float:
    return float(torch.tensor(log, dtype=torch.float64).exp())


def _identity(tokenizer: Any) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = backend.to_str() if backend is not None else json.dumps(sorted(tokenizer.get_vocab().items()))
    return f"{type(tokenizer).__name__} {rules}"


def _plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _first(names: Any) -> str:
    return str(names[0]) if isinstance(names, list) and names else ""


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
