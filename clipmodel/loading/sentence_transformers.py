"""Folders of sentence-transformers: where the CLIP in one is."""

from __future__ import annotations

from pathlib import Path

from clipmodel.checkpoints.tensor_files import read_json, read_json_list
from clipmodel.errors import UserError

MODULES_FILE = "modules.json"


def clip_folder(folder: Path) -> Path:
    """The folder of the model's own files: a part of a sentence-transformers folder, else the folder itself.

    Raises
    ------
    UserError
        The parts are a text model alone, or steps after the towers that we do not know.
    """
    path = folder / MODULES_FILE
    if not path.is_file():
        return folder
    parts = read_json_list(path)
    if not parts or not all(isinstance(part, dict) for part in parts):
        raise UserError(f"{path}: no list of modules", remedy="restore the file")
    kinds = [str(part.get("type", "")).rsplit(".", 1)[-1] for part in parts]
    first = _below(folder, str(parts[0].get("path", "")))
    config = first / "config.json"
    towers = read_json(config) if config.is_file() else {}
    both = "vision_config" in towers and "text_config" in towers
    if kinds[0] != "CLIPModel" and not both:
        raise UserError(
            f"{folder}: a text model alone ({', '.join(kinds)}): it lacks an image tower",
            remedy="use the folder of a CLIP, whose first module is a CLIPModel",
        )
    if others := [kind for kind in kinds[1:] if kind != "Normalize"]:
        raise UserError(
            f"{folder}: {', '.join(others)} after the towers, which are not applied here",
            remedy="load it through a factory of your own, module:factory",
        )
    return first


def _below(folder: Path, name: str) -> Path:
    # modules.json comes from the hub: a path with ".." must not lead outside the folder.
    inside = (folder / name).resolve()
    if not inside.is_relative_to(folder.resolve()):
        raise UserError(f"{folder / MODULES_FILE}: {name} is outside the folder", remedy="restore the file")
    return folder / name
