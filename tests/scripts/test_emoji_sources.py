"""Reading and checking the source packages, on a small made one."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts.build_emoji.sources import (
    Annotation,
    SourceError,
    Vendor,
    check_sources,
    read_annotations,
    read_icons,
    slugify,
)

JUDGE = "\U0001f9d1\u200d\u2696"
ANNOTATIONS = {
    JUDGE: Annotation(name="judge", keywords=()),
    "\U0001f415": Annotation(name="dog", keywords=()),
    "\U0001f408": Annotation(name="cat", keywords=()),
}


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _icons(npm: Path, name: str, icons: dict[str, dict[str, Any]], **aliases: str) -> None:
    parents = {slug.replace("_", "-"): {"parent": parent} for slug, parent in aliases.items()}
    content = {"icons": icons, "aliases": parents, "width": 32, "height": 32}
    _write(npm / f"@iconify-json/{name}/icons.json", content)


def test_icons_come_with_their_characters_and_without_variation_selectors(tmp_path: Path) -> None:
    _icons(
        tmp_path,
        "a",
        {"judge": {"body": "<g/>"}, "unknown": {"body": ""}, "dog": {"body": "", "hidden": True}},
    )
    _write(tmp_path / "@iconify-json/a/chars.json", {"1f9d1-200d-2696-fe0f": "judge", "1f415": "dog"})
    vendor = Vendor(name="a", family="a", licence="MIT", chars_from="a")
    icons = list(read_icons(tmp_path, vendor, annotations=ANNOTATIONS))
    assert [(icon.slug, icon.characters) for icon in icons] == [("judge", JUDGE)]
    assert 'viewBox="0 0 32 32"' in icons[0].svg


def test_a_set_without_table_is_mapped_by_cldr_name_and_by_the_old_names_of_related_sets(
    tmp_path: Path,
) -> None:
    for related in ("noto", "twemoji"):
        _icons(tmp_path, related, {"dog": {"body": ""}}, dog_face="dog")
        _write(tmp_path / f"@iconify-json/{related}/chars.json", {"1f415": "dog"})
    _icons(tmp_path, "old", {"dog-face": {"body": ""}, "cat": {"body": ""}, "mystery": {"body": ""}})
    vendor = Vendor(name="old", family="old", licence="MIT")
    icons = list(read_icons(tmp_path, vendor, annotations=ANNOTATIONS))
    assert [(icon.slug, icon.characters) for icon in icons] == [
        ("cat", "\U0001f408"),
        ("dog-face", "\U0001f415"),
    ]


def test_annotations_lose_variation_selectors_and_sort_keywords(tmp_path: Path) -> None:
    entry = {"tts": ["judge"], "default": ["scales", "law"]}
    full = {"annotations": {"annotations": {JUDGE + "\ufe0f": entry}}}
    derived = {"annotationsDerived": {"annotations": {}}}
    _write(tmp_path / "cldr-annotations-full/annotations/en/annotations.json", full)
    _write(tmp_path / "cldr-annotations-derived-full/annotationsDerived/en/annotations.json", derived)
    assert read_annotations(tmp_path) == {JUDGE: Annotation(name="judge", keywords=("law", "scales"))}


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("woman judge: dark skin tone", "woman-judge-dark-skin-tone"),
        ("Mrs. Claus", "mrs-claus"),
        ("piñata", "pinata"),
        ("woman’s hat", "womans-hat"),
    ],
)
def test_slugs_follow_the_icon_sets(name: str, slug: str) -> None:
    assert slugify(name) == slug


def test_a_file_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    pinned = hashlib.sha256(b"pinned").hexdigest()
    table = tmp_path / "sources.sha256"
    table.write_text(f"{pinned}  a/icons.json\n")
    with pytest.raises(SourceError, match=r"icons\.json: missing"):
        check_sources(tmp_path, table=table)
    source = tmp_path / "a" / "icons.json"
    source.parent.mkdir()
    source.write_bytes(b"other")
    with pytest.raises(SourceError, match=f"expected {pinned}"):
        check_sources(tmp_path, table=table)
    source.write_bytes(b"pinned")
    check_sources(tmp_path, table=table)


def test_the_command_reports_missing_sources_on_one_line(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "scripts.build_emoji",
        "--npm",
        str(tmp_path),
        "--out",
        str(tmp_path / "out"),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
