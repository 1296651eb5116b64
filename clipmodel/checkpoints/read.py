"""Find out which format a path holds, and read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from torch import Tensor

from clipmodel.checkpoints import Format, NotClipError, Preprocessing, Weights
from clipmodel.checkpoints.checkpoint import CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE, Checkpoint
from clipmodel.checkpoints.infer_config import infer_config
from clipmodel.checkpoints.open_clip_config import OPEN_CLIP_CONFIG_FILE, read_open_clip_config
from clipmodel.checkpoints.state_dicts import OPENAI_NOTE, choose_state_dict, state_dict_note
from clipmodel.checkpoints.tensor_files import (
    load_tensors_only,
    load_torchscript,
    open_folder,
    open_safetensors,
    read_json,
    require_tensors,
)
from clipmodel.checkpoints.torchscript import is_torchscript
from clipmodel.checkpoints.transformers_config import config_from_transformers, read_preprocess
from clipmodel.checkpoints.weight_names import SIZES, TensorSource, to_ours
from clipmodel.config import Activation, CLIPConfig
from clipmodel.errors import UserError
from clipmodel.inputs.preprocess import Pipeline, Preprocess
from clipmodel.inputs.tokenizer import BPETokenizer, clip_tokenizer

# 256 bytes, 256 bytes that end a word, 48,894 merges, the start and the end of text.
CLIP_VOCABULARY = 49408


def read_checkpoint(
    path: Path,
    *,
    activation: Activation | None = None,
    preprocess: Preprocessing | None = None,
    weights: Weights | None = None,
) -> Checkpoint:
    """Read a model from any supported format.

    Parameters
    ----------
    path
        A folder: native, transformers' or open_clip's; or a file: OpenAI's TorchScript archive or state
        dict, open_clip's .pt, .bin or .safetensors. An open_clip_config.json beside a file is read with it.
    activation
        Needed where the file does not say which one the model was trained with, as open_clip's do not.
    preprocess
        "clip": the model was trained with CLIP's preprocessing. Needed for a file of open_clip's without a
        configuration beside it: some of its weights have another mean, or squash the image.
    weights
        Which weights of a training checkpoint that holds two: "plain" or "ema". None takes the plain ones,
        and warns if there are others.

    Raises
    ------
    NotClipError
        A folder of transformers' or open_clip's holds another model than CLIP.
    UserError
        There is nothing to read, the activation is unknown or contradicts the file, the weights are not
        those of a CLIP, or the vocabulary has no tokenizer. The message names file and key.
    """
    if path.is_dir():
        if weights == "ema":
            raise UserError(f"{path}: a folder holds no EMA weights", remedy="leave --weights out")
        return _read_folder(path, activation)
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder", remedy="check the path")
    return _read_file(path, activation, preprocess, weights)


def _read_folder(folder: Path, activation: Activation | None) -> Checkpoint:
    checkpoint = _read_configured(folder)
    _settled(activation, stated=checkpoint.config.activation, where=str(folder))
    return checkpoint


def _read_configured(folder: Path) -> Checkpoint:
    path = folder / CONFIG_FILE
    if (folder / OPEN_CLIP_CONFIG_FILE).is_file() and not _is_transformers_clip(path):
        return _read_open_clip(folder)
    if not path.is_file():
        raise UserError(
            f"{folder}: no {CONFIG_FILE}",
            remedy="point to a folder that training, transformers or open_clip wrote",
        )
    values = read_json(path)
    if "model_type" not in values:
        return _read_native(folder, values)
    if values["model_type"] == "clip":
        return _read_transformers(folder, values)
    raise NotClipError(
        f"{path}: model_type is {values['model_type']!r}, expected 'clip'", remedy="use a CLIP model"
    )


def _is_transformers_clip(config: Path) -> bool:
    """Some folders of the hub hold the same model twice, for transformers and for open_clip."""
    return config.is_file() and read_json(config).get("model_type") == "clip"


def _read_native(folder: Path, values: Mapping[str, Any]) -> Checkpoint:
    stated = dict(values)
    chosen = stated.pop("preprocess", {})
    try:
        config = CLIPConfig.from_dict(stated)
        lists: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in chosen.items()
        }
        preprocess = Preprocess(image_size=config.vision.image_size, **lists)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{folder / CONFIG_FILE}: {error}", remedy="restore the file written beside the weights"
        ) from error
    for name in (WEIGHTS_FILE, TOKENIZER_FILE):
        if not (folder / name).is_file():
            raise UserError(f"{folder}: no {name}", remedy="point to a folder that training wrote")
    source, _ = open_safetensors(folder / WEIGHTS_FILE)
    tokenizer = BPETokenizer.load(folder / TOKENIZER_FILE, context_length=config.text.context_length)
    return Checkpoint(
        format="native",
        config=config,
        weights=to_ours(source.without_wrappers(), config, "native"),
        tokenizer=_fitting(tokenizer, config, where=str(folder)),
        preprocess=preprocess,
    )


def _read_transformers(folder: Path, values: Mapping[str, Any]) -> Checkpoint:
    config = config_from_transformers(values, where=str(folder / CONFIG_FILE))
    try:
        tokenizer = _fitting(_folder_tokenizer(folder, config), config, where=str(folder))
    except UserError as error:  # another kind of tokenizer, which transformers may have
        # Not an error of the file: the caller tries transformers' own classes next.
        raise NotClipError(error.message, remedy=error.remedy) from error
    return Checkpoint(
        format="transformers",
        config=config,
        tokenizer=tokenizer,
        preprocess=read_preprocess(folder, image_size=config.vision.image_size),
        weights=to_ours(open_folder(folder).without_wrappers(), config, "transformers"),
    )


def _read_open_clip(folder: Path) -> Checkpoint:
    # The configuration first: what is no CLIP need not have these files.
    read_open_clip_config(folder, logit_bias=False)
    source = _openai_names(open_folder(folder, prefix="open_clip_"))
    config, preprocess = read_open_clip_config(folder, logit_bias="logit_bias" in source.shapes)
    return Checkpoint(
        format="open_clip",
        config=config,
        tokenizer=_clip_tokenizer(config, where=str(folder)),
        preprocess=preprocess,
        weights=to_ours(source, config, "openai"),
    )


def _folder_tokenizer(folder: Path, config: CLIPConfig) -> BPETokenizer:
    """The one beside the weights; without files, CLIP's own for a vocabulary of its size."""
    context_length = config.text.context_length
    if (folder / TOKENIZER_FILE).is_file():
        return BPETokenizer.load(folder / TOKENIZER_FILE, context_length=context_length)
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    if vocabulary.is_file() and merges.is_file():
        lines = merges.read_text(encoding="utf-8").splitlines()
        split = (line.partition(" ") for line in lines if not line.startswith("#version"))
        pairs = [(left, right) for left, _, right in split if right]
        try:
            return BPETokenizer.from_merges(pairs, read_json(vocabulary), context_length=context_length)
        except ValueError as error:
            raise UserError(f"{vocabulary}: {error}", remedy="restore vocab.json and merges.txt") from error
    return _clip_tokenizer(config, where=str(folder))


def _clip_tokenizer(config: CLIPConfig, *, where: str) -> BPETokenizer:
    if config.text.vocab_size != CLIP_VOCABULARY:
        raise UserError(
            f"{where}: no tokenizer for a vocabulary of {config.text.vocab_size} tokens",
            remedy=f"only CLIP's own, of {CLIP_VOCABULARY}, comes with this package",
        )
    return clip_tokenizer(context_length=config.text.context_length)


def _fitting(tokenizer: BPETokenizer, config: CLIPConfig, *, where: str) -> BPETokenizer:
    if tokenizer.vocab_size != config.text.vocab_size:
        raise UserError(
            f"{where}: the tokenizer has {tokenizer.vocab_size} tokens, the model {config.text.vocab_size}",
            remedy="use the tokenizer the model was trained with",
        )
    return tokenizer


@dataclass(frozen=True)
class _File:
    """What a file of weights holds besides its tensors."""

    source: TensorSource
    format: Format
    activation: str | None = None  # as the file states it
    preprocess: str | None = None
    sizes: Mapping[str, Tensor] = field(default_factory=dict)  # those that OpenAI's files repeat
    other_weights: str | None = None


def _read_file(
    path: Path,
    activation: Activation | None,
    preprocess: Preprocessing | None,
    weights: Weights | None,
) -> Checkpoint:
    file = _opened(path, weights)
    source = _openai_names(file.source)
    beside = path.parent / OPEN_CLIP_CONFIG_FILE
    if file.format == "open_clip" and beside.is_file() and file.activation is None:
        config, stated = read_open_clip_config(path.parent, logit_bias="logit_bias" in source.shapes)
        _settled(activation, stated=config.activation, where=str(beside))
    else:
        config = infer_config(
            source, activation=_settled(activation, stated=file.activation, where=str(path))
        )
        stated = _preprocess_of(file, preprocess, config, where=str(path))
    _require_sizes(config, file.sizes, where=str(path))
    return Checkpoint(
        format=file.format,
        config=config,
        tokenizer=_clip_tokenizer(config, where=str(path)),
        preprocess=stated,
        weights=to_ours(source, config, "openai"),
        other_weights=file.other_weights,
    )


def _opened(path: Path, weights: Weights | None) -> _File:
    where = str(path)
    if path.suffix == ".safetensors":
        if weights == "ema":
            raise UserError(f"{path}: a safetensors file holds no EMA weights", remedy="leave --weights out")
        source, metadata = open_safetensors(path)
        return _File(source, "open_clip", metadata.get("activation"), metadata.get("preprocess"))
    if is_torchscript(path):
        tensors = load_torchscript(path)
        # All models that OpenAI published have it.
        return _File(TensorSource.of(tensors, where=where), "openai", "quick_gelu", "clip", tensors)
    content = load_tensors_only(path)
    chosen, other = choose_state_dict(content, weights, where=where)
    tensors = require_tensors(chosen, where=where)
    source = TensorSource.of(tensors, where=where)
    # Only OpenAI's files say so: open_clip's have the same names of weights, with either activation.
    if set(SIZES) <= tensors.keys() or state_dict_note(chosen) == OPENAI_NOTE:
        return _File(source, "openai", "quick_gelu", "clip", tensors)
    said = content if chosen is not content else {}
    return _File(source, "open_clip", said.get("activation"), said.get("preprocess"), other_weights=other)


def _preprocess_of(file: _File, given: Preprocessing | None, config: CLIPConfig, *, where: str) -> Preprocess:
    """CLIP's preprocessing if file, format or user says so: a wrong one costs accuracy without any error."""
    if (given or file.preprocess) != "clip":
        raise UserError(
            f"{where} does not say how images were preprocessed in training",
            remedy=f"put the {OPEN_CLIP_CONFIG_FILE} of the published weights beside it; or name their tag, "
            "open_clip:ARCHITECTURE/TAG@PATH; or say --preprocess clip if it was as in CLIP",
        )
    pipeline: Pipeline = "openai" if file.format == "openai" else "open_clip"
    return Preprocess(image_size=config.vision.image_size, pipeline=pipeline)


def _openai_names(source: TensorSource) -> TensorSource:
    """Take off what is put before the names: wrappers' prefixes, open_clip's for its CustomTextCLIP."""
    source = source.without_wrappers()
    for name, what in (("log_scale", "our own"), ("visual_projection.weight", "a transformers")):
        if name in source.shapes:
            raise UserError(f"{source.where} is a part of {what} folder", remedy="point to the folder")
    return source.without_prefix("text.") if "text.ln_final.weight" in source.shapes else source


def _settled(given: Activation | None, *, stated: str | None, where: str) -> Activation:
    """The activation, from whoever says it; a wrong one costs accuracy without any error."""
    if given and stated and given != stated:
        raise UserError(f"{where}: the activation is {stated}, not {given}", remedy="leave --activation out")
    value = given or stated
    if value is None:
        raise UserError(
            f"{where} does not say which activation the model was trained with",
            remedy="say --activation quick_gelu (OpenAI's, open_clip's with quickgelu in their name) or gelu",
        )
    known: Activation
    for known in get_args(Activation):
        if known == value:
            return known
    raise UserError(f"{where}: activation {value!r}", remedy=f"known are {', '.join(get_args(Activation))}")


def _require_sizes(config: CLIPConfig, sizes: Mapping[str, Tensor], *, where: str) -> None:
    wanted = (config.vision.image_size, config.text.context_length, config.text.vocab_size)
    for name, size in zip(SIZES, wanted, strict=True):
        if name in sizes and (sizes[name].numel() != 1 or sizes[name].item() != size):
            raise UserError(
                f"{where}: {name} is {sizes[name].tolist()}, the weights have {size}",
                remedy="restore the file",
            )
