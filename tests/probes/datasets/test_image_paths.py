"""Names that lead out of the folder, and which files are images."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probes.datasets.image_paths import find_images, first_outside, printable, unread_images
from tests.probes.datasets.conftest import WriteImages


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("a.jpg", True), ("b/a.jpg", True), ("b/../a.jpg", True), ("a..b.jpg", True), ("..a.jpg", True),
        ("missing/a.jpg", True), ("../a.jpg", False), ("b/../../a.jpg", False), ("/etc/passwd", False),
        ("/passwd", False), ("..", False), ("b/..", True), ("link.jpg", False), ("away/a.jpg", False),
        ("loop.jpg", True),
    ],
)  # fmt: skip
def test_names_lead_out_upwards_absolutely_or_through_links(
    tmp_path: Path, write_images: WriteImages, name: str, inside: bool
) -> None:
    write_images("secret/a.jpg", "data/b/a.jpg")
    root = tmp_path / "data"
    (root / "link.jpg").symlink_to(tmp_path / "secret" / "a.jpg")
    (root / "loop.jpg").symlink_to(root / "b" / "a.jpg")
    (root / "away").symlink_to(tmp_path / "secret")
    assert first_outside(root, ["ok.jpg", name]) == (None if inside else 1)
    if name in ("link.jpg", "away/a.jpg"):
        assert first_outside(root, [name], folders=[tmp_path / "secret"]) is None


PART = st.sampled_from(["a", "b", "..", ".", "..a", "link", "away"])


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(PART, min_size=1, max_size=5), absolute=st.booleans())
def test_every_name_is_judged_as_the_file_system_resolves_it(
    tmp_path: Path, parts: list[str], absolute: bool
) -> None:
    """The naive reference resolves each name on its own, which is slow for hundreds of thousands."""
    root = tmp_path / "data"
    (root / "a" / "b").mkdir(parents=True, exist_ok=True)
    for link, goal in ((root / "link", root / "a"), (root / "a" / "away", tmp_path)):
        if not link.is_symlink():
            link.symlink_to(goal)
    name = f"{root}/{'/'.join(parts)}" if absolute else "/".join(parts)
    resolved = (root / name).resolve()
    assert (first_outside(root, [name]) is None) == resolved.is_relative_to(root.resolve())


def test_an_absolute_name_below_the_folder_is_inside(tmp_path: Path) -> None:
    assert first_outside(tmp_path, [str(tmp_path / "b" / "a.jpg")]) is None


def test_images_are_found_by_any_ending_once(tmp_path: Path, write_images: WriteImages) -> None:
    write_images("a.JPG", "b/c.tiff", "b/d.webp", "b/e.txt", ".hidden/f.jpg", "b/.g.jpg")
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a.JPG", "b/c.tiff", "b/d.webp"]


def test_a_name_with_a_byte_of_zero_is_no_way_out(tmp_path: Path) -> None:
    assert first_outside(tmp_path, ["a\0/b.png", "c\0.png"]) is None
    assert first_outside(tmp_path, ["a\0/b.png", "../c.png"]) == 1


def test_links_in_a_circle_are_no_way_out(tmp_path: Path) -> None:
    """They lead nowhere: reading the image says that there is no such file."""
    (tmp_path / "one.jpg").symlink_to("two.jpg")
    (tmp_path / "two.jpg").symlink_to("one.jpg")
    (tmp_path / "folder").symlink_to("folder")
    assert first_outside(tmp_path, ["one.jpg", "folder/a.jpg"]) is None


def test_the_name_of_a_file_can_be_written() -> None:
    assert printable("caf\u00e9.jpg") == "caf\u00e9.jpg"
    assert printable("a\udcff\u00e9.jpg") == "a\\xff\u00e9.jpg"  # a byte that is no UTF-8


def test_images_of_formats_that_are_not_read_are_counted(tmp_path: Path) -> None:
    """Two of a phone and one drawing; a table, a hidden file and a readable image are none."""
    for name in ("a.HEIC", "b.heic", "c.svg", "people.csv", ".d.heic", "e.jpg"):
        (tmp_path / name).touch()
    assert unread_images(tmp_path) == {".heic": 2, ".svg": 1}
