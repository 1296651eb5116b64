"""Images with captions: Flickr8k's text file, Karpathy's and COCO's JSON, several languages."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clipmodel.errors import UserError
from clipmodel.evaluation.readers.evaluation_set import IMAGE_SUFFIXES, EvaluationSet, FileImages, checked
from clipmodel.evaluation.registry.entry import SetEntry
from clipmodel.json_text import parse_json

# "Flicker8k_Dataset" is spelled so in the archive itself.
IMAGE_FOLDERS = ("images", "Images", "Flicker8k_Dataset", "flickr30k-images", "val2014", "val2017")
Captions = Mapping[str, Sequence[str]]  # image -> its captions


def read_flickr(root: Path, entry: SetEntry) -> EvaluationSet:
    """Flickr8k's or Flickr30k's folder: captions.txt (image,caption) or results.csv, beside images.

    Captions may hold commas and quotes, quoted as CSV does.

    Raises
    ------
    UserError
        A file is missing, a row has no caption, or captions name images that are not there.
    """
    path = next((root / name for name in ("captions.txt", "results.csv") if (root / name).is_file()), None)
    if path is None:
        raise UserError(
            f"{root}: no captions.txt", remedy="give the folder that holds captions.txt and images/"
        )
    found: dict[str, list[str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file, skipinitialspace=False), start=1):
            # Flickr8k's copies of Kaggle have a header, others begin with the first row.
            if number == 1 and row and row[0].strip().lower() in ("image", "image_name"):
                continue
            if len(row) < 2 or not row[-1].strip():
                raise UserError(f"{path}, line {number}: no caption", remedy="each line is image,caption")
            # The last column: results.csv has a comment number between image and caption.
            found.setdefault(row[0].strip(), []).append(row[-1].strip())
    return with_captions(found, image_folder(root), entry, where=str(path))


def read_karpathy(
    path: Path, entry: SetEntry, *, root: Path | None = None, split: str = "test"
) -> EvaluationSet:
    """Karpathy's dataset_*.json: images of one split with all their sentences.

    Raises
    ------
    UserError
        It is not such a file, has no image of the split, or images are missing.
    """
    items = _list_of(_json(path), "images", path)
    chosen = {
        "/".join(part for part in (item.get("filepath", ""), item["filename"]) if part): [
            sentence["raw"].strip() for sentence in item["sentences"]
        ]
        for item in items
        if item.get("split") == split
    }
    if not chosen:
        splits = ", ".join(sorted({str(item.get("split")) for item in items}))
        raise UserError(f"{path}: no image of the split {split!r}", remedy=f"splits: {splits}")
    return with_captions(chosen, root or image_folder(path.parent), entry, where=f"{path} ({split})")


def read_coco(path: Path, entry: SetEntry, *, root: Path | None = None) -> EvaluationSet:
    """COCO's captions_*.json: images and annotations.

    Raises
    ------
    UserError
        It is not such a file, a caption belongs to no image, or images are missing.
    """
    content = _json(path)
    names = {item["id"]: str(item["file_name"]) for item in _list_of(content, "images", path)}
    found: dict[str, list[str]] = {}
    for item in _list_of(content, "annotations", path):
        if item["image_id"] not in names:
            raise UserError(
                f"{path}: a caption of the unknown image {item['image_id']}", remedy="restore the file"
            )
        found.setdefault(names[item["image_id"]], []).append(str(item["caption"]).strip())
    return with_captions(found, root or image_folder(path.parent), entry, where=str(path))


def read_multilingual(
    path: Path, entry: SetEntry, *, language: str, root: Path | None = None
) -> EvaluationSet:
    """Crossmodal-3600's captions.jsonl: an image per line, its captions by language.

    Raises
    ------
    UserError
        It is not such a file, no image has a caption in the language, or images are missing.
    """
    found: dict[str, list[str]] = {}
    languages: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            item = parse_json(line)
            key = str(item["image/key"])
            own = {name: value["caption"] for name, value in item.items() if isinstance(value, dict)}
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}, line {number}: no JSON object with image/key and captions by language",
                remedy="give the captions.jsonl of Crossmodal-3600",
            ) from error
        languages |= set(own)
        if own.get(language):
            found[key] = [str(caption).strip() for caption in own[language]]
    if not found:
        raise UserError(
            f"{path}: no caption in {language!r}", remedy=f"languages: {', '.join(sorted(languages))}"
        )
    folder = root or image_folder(path.parent)
    return with_captions(
        _with_suffix(found, folder), folder, entry, where=f"{path} ({language})", language=language
    )


def with_captions(
    captions: Captions, folder: Path, entry: SetEntry, *, where: str, language: str = "en"
) -> EvaluationSet:
    """A retrieval set of images in a folder and their captions, in the order of the captions.

    Raises
    ------
    UserError
        Captions name images that are not there.
    """
    if missing := [name for name in captions if not (folder / name).is_file()]:
        raise UserError(
            f"{where}: captions for {len(missing)} of {len(captions)} images that are not in {folder}, "
            f"such as {missing[0]}",
            remedy="complete the images, or drop their captions",
        )
    names = list(captions)
    flat = [(row, text) for row, name in enumerate(names) for text in captions[name]]
    pairs = np.array([(row, place) for place, (row, _) in enumerate(flat)], dtype=np.int64).reshape(-1, 2)
    return checked(
        EvaluationSet(
            entry=entry,
            images=FileImages([folder / name for name in names], names),
            where=where,
            captions=tuple(text for _, text in flat),
            pairs=pairs,
            language=language,
        )
    )


def image_folder(root: Path) -> Path:
    """The folder of images beside a file of captions; the folder itself if it has none of the usual names."""
    return next((root / name for name in IMAGE_FOLDERS if (root / name).is_dir()), root)


def _with_suffix(captions: Captions, folder: Path) -> dict[str, Sequence[str]]:
    return {_found(key, folder, IMAGE_SUFFIXES): texts for key, texts in captions.items()}


def _found(key: str, folder: Path, suffixes: Iterable[str]) -> str:
    return next((f"{key}{suffix}" for suffix in suffixes if (folder / f"{key}{suffix}").is_file()), key)


def _json(path: Path) -> Any:
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})", remedy="check the file") from error


def _list_of(content: Any, key: str, path: Path) -> list[dict[str, Any]]:
    if not isinstance(content, dict) or not isinstance(content.get(key), list):
        raise UserError(f"{path}: no list {key!r}", remedy="check that the file is of the stated format")
    entries: list[dict[str, Any]] = content[key]
    return entries
