"""Read the emoji sets (icon JSONs from npm) and the names of Unicode CLDR, after checking their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """One emoji set: its npm package, design family and licence."""

    name: str
    family: str
    licence: str
    chars_from: str | None = None

    @property
    def folder(self) -> str:
        """Folder of the package under ``node_modules``."""
        return f"@iconify-json/{self.name}"


VENDORS = (
    Vendor(name="noto", family="noto", licence="Apache-2.0", chars_from="noto"),
    Vendor(name="noto-v1", family="noto", licence="Apache-2.0"),
    Vendor(name="twemoji", family="twemoji", licence="CC-BY-4.0", chars_from="twemoji"),
    Vendor(name="fluent-emoji", family="fluent", licence="MIT", chars_from="fluent-emoji-flat"),
    Vendor(name="fluent-emoji-flat", family="fluent", licence="MIT", chars_from="fluent-emoji-flat"),
    Vendor(name="emojione", family="emojione", licence="CC-BY-4.0"),
    Vendor(name="openmoji", family="openmoji", licence="CC-BY-SA-4.0", chars_from="openmoji"),
)

ANNOTATIONS = {
    "annotations": "cldr-annotations-full/annotations/en/annotations.json",
    "annotationsDerived": "cldr-annotations-derived-full/annotationsDerived/en/annotations.json",
}
# Sets write it or leave it out for the same emoji, so it is dropped before anything is compared.
_VARIATION_SELECTOR = "\ufe0f"


class SourceError(ValueError):
    """A source file is missing or is not the pinned one."""


@dataclass(frozen=True, kw_only=True)
class Icon:
    """One drawing: the vendor, its slug there, the code points (no variation selectors) and the SVG."""

    vendor: Vendor
    slug: str
    characters: str
    svg: str


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """Short name and keywords of one emoji in Unicode CLDR (English)."""

    name: str
    keywords: tuple[str, ...]


def check_sources(npm: Path, *, table: Path) -> None:
    """Compare every used file with the table of SHA-256 sums (``sum  path`` a line).

    Raises
    ------
    SourceError
        If a file is missing or differs; the message names it and both sums.
    """
    for line in table.read_text(encoding="utf-8").splitlines():
        expected, path = line.split(maxsplit=1)
        source = npm / path
        if not source.is_file():
            raise SourceError(
                f"{source}: missing; 'make data' installs the packages of scripts/build_emoji/package.json"
            )
        found = hashlib.sha256(source.read_bytes()).hexdigest()
        if found != expected:
            raise SourceError(f"{source}: sha256 {found}, expected {expected}: not the pinned version")


def read_annotations(npm: Path) -> dict[str, Annotation]:
    """Return names and keywords by characters without variation selectors."""
    found: dict[str, Annotation] = {}
    for key, path in ANNOTATIONS.items():
        entries = _read(npm / path)[key]["annotations"]
        for characters, entry in entries.items():
            if "tts" in entry:
                plain = characters.replace(_VARIATION_SELECTOR, "")
                words = tuple(sorted(set(entry.get("default", ()))))
                found[plain] = Annotation(name=entry["tts"][0], keywords=words)
    return found


def read_groups(npm: Path) -> dict[str, str]:
    """Return the Unicode group (such as ``"People & Body"``) by characters."""
    found: dict[str, str] = {}
    for vendor in ("twemoji", "noto", "fluent-emoji-flat"):
        folder = npm / f"@iconify-json/{vendor}"
        group_of = {
            slug: group
            for group, slugs in _read(folder / "metadata.json")["categories"].items()
            for slug in slugs
        }
        for characters, slug in _read_chars(folder).items():
            if slug in group_of:
                found.setdefault(characters, group_of[slug])
    return found


def read_icons(npm: Path, vendor: Vendor, *, annotations: dict[str, Annotation]) -> Iterator[Icon]:
    """Yield the drawings of one vendor whose code points are known, sorted by slug.

    Aliases and hidden (withdrawn) drawings are left out. A drawing with two sets of code points
    is given once, under the smallest.
    """
    icons = _read(npm / vendor.folder / "icons.json")
    characters_of = _slug_table(npm, vendor, annotations=annotations)
    for slug in sorted(icons["icons"]):
        entry = icons["icons"][slug]
        if slug in characters_of and not entry.get("hidden"):
            svg = _svg(entry, width=icons["width"], height=icons["height"])
            yield Icon(vendor=vendor, slug=slug, characters=characters_of[slug], svg=svg)


def slugify(name: str) -> str:
    """Return the slug that the icon sets make of a CLDR short name: lower case, hyphens, no marks."""
    plain = name.lower().replace("’", "").replace("'", "").replace(".", "").replace("ñ", "n")
    return "-".join(part for part in "".join(c if c.isalnum() else " " for c in plain).split())


def _slug_table(npm: Path, vendor: Vendor, *, annotations: dict[str, Annotation]) -> dict[str, str]:
    """Return characters by slug: from the set's own table, else from CLDR names and related sets."""
    if vendor.chars_from is not None:
        return _slugs(npm, vendor.chars_from, annotations=annotations)
    found = {slugify(entry.name): characters for characters, entry in annotations.items()}
    for name in ("twemoji", "noto"):
        slugs = _slugs(npm, name, annotations=annotations)
        aliases = _read(npm / f"@iconify-json/{name}" / "icons.json")["aliases"].items()
        old = {slug: slugs[entry["parent"]] for slug, entry in aliases if entry["parent"] in slugs}
        found |= old | slugs
    return found


def _slugs(npm: Path, name: str, *, annotations: dict[str, Annotation]) -> dict[str, str]:
    """Return the smallest named characters by slug in the table that comes with one icon set."""
    slugs: dict[str, str] = {}
    for characters, slug in sorted(_read_chars(npm / f"@iconify-json/{name}").items()):
        if characters in annotations:
            slugs.setdefault(slug, characters)
    return slugs


def _read_chars(folder: Path) -> dict[str, str]:
    table = _read(folder / "chars.json")
    return {_characters(points): slug for points, slug in table.items()}


def _characters(points: str) -> str:
    return "".join(chr(int(point, 16)) for point in points.split("-")).replace(_VARIATION_SELECTOR, "")


def _svg(entry: dict[str, Any], *, width: int, height: int) -> str:
    corner = f"{entry.get('left', 0)} {entry.get('top', 0)}"
    box = f"{corner} {entry.get('width', width)} {entry.get('height', height)}"
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {names} viewBox="{box}">{entry["body"]}</svg>'


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
