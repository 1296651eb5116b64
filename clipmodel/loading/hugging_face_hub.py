"""Model folders of the Hugging Face hub: from the local cache, otherwise downloaded."""

from __future__ import annotations

from pathlib import Path

from clipmodel.errors import UserError

_SETTINGS = ("*.json", "*.txt", "*.model")
# Weights and the settings without which they are no model: transformers' first, open_clip's where there are
# no others; safetensors before the older file.
_WEIGHTS = {
    "model*.safetensors": "config.json",
    "pytorch_model*.bin": "config.json",
    "open_clip_model*.safetensors": "open_clip_config.json",
    "open_clip_pytorch_model*.bin": "open_clip_config.json",
    "0_CLIPModel/model*.safetensors": "modules.json",  # sentence-transformers' folders
    "0_CLIPModel/pytorch_model*.bin": "modules.json",
}


def hub_folder(name: str) -> Path:
    """The local folder of a model on the hub.

    A complete copy in the cache is used as it is, without asking the hub. HF_HUB_OFFLINE is respected.

    Raises
    ------
    UserError
        huggingface_hub is not installed, the model does not exist, or it cannot be downloaded.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise UserError(
            f"hf:{name} needs transformers: {error}", remedy="pip install transformers"
        ) from error
    try:
        try:
            cached = Path(snapshot_download(name, local_files_only=True))
            # A cached snapshot may hold the tokenizer alone, from another program's download.
            if _has_weights(cached):
                return cached
        except LocalEntryNotFoundError:
            pass
        # One kind of weights at a time: a hub folder often holds the same weights in several formats.
        for weights in _WEIGHTS:
            folder = Path(snapshot_download(name, allow_patterns=[*_SETTINGS, weights]))
            if _has_weights(folder):
                return folder
    except HFValidationError as error:
        raise UserError(f"hf:{name}: {error}", remedy="use hf:ORGANISATION/MODEL") from error
    except OSError as error:  # the hub's own errors and the network's
        reason = str(error).splitlines()[0]
        raise UserError(
            f"hf:{name} is not in the local cache and cannot be downloaded: {reason}",
            remedy="check the name and the network, or copy the folder and give its path",
        ) from error
    raise UserError(f"hf:{name} has no weights that torch reads", remedy="use another model")


def _has_weights(folder: Path) -> bool:
    return any(
        (folder / settings).is_file() and any(path.is_file() for path in folder.glob(weights))
        for weights, settings in _WEIGHTS.items()
    )
