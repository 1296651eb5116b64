"""Names to bytes: ranges, globs, a web server, fsspec, commands; and what fails, how."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from clipmodel.errors import UserError
from clipmodel.training.data.sources import locations
from clipmodel.training.data.sources.locations import expand, expand_braces, list_files, read_bytes
from clipmodel.training.data.sources.source import Sample
from clipmodel.training.data.sources.tar import TarReader
from tests.clipmodel.training.support.made_shards import numbered, write_tar


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture()
def server(tmp_path: Path) -> Iterator[str]:
    """A web server over the test's folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a{08..10}.tar", ["a08.tar", "a09.tar", "a10.tar"]),
        ("{x,y}/{0..1}", ["x/0", "x/1", "y/0", "y/1"]),
        ("pipe:awk '{print $1, $2}' a", ["pipe:awk '{print $1, $2}' a"]),
        ("plain", ["plain"]),
    ],
)
def test_braces(name: str, expected: list[str]) -> None:
    assert expand_braces(name) == expected


def test_globs_are_in_order_and_nothing_is_an_error(tmp_path: Path) -> None:
    for name in ("b.tar", "a.tar", "c.txt"):
        (tmp_path / name).touch()
    assert locations.expand([f"{tmp_path}/*.tar"]) == [f"{tmp_path}/a.tar", f"{tmp_path}/b.tar"]
    with pytest.raises(UserError, match="no training data matches"):
        expand([f"{tmp_path}/*.csv"])
    with pytest.raises(UserError, match=r"no training data at .*d1\.tar"):
        expand([f"{tmp_path}/d{{1..2}}.tar"])


def _captions(shard: str) -> list[str]:
    items = TarReader().samples(shard, first=0, keep=lambda i: True)
    return [item.captions[0] if isinstance(item, Sample) else item.detail for _, item in items]


def test_a_tar_from_a_web_server(tmp_path: Path, server: str) -> None:
    write_tar(tmp_path / "a.tar", numbered(range(3)))
    assert _captions(f"{server}/a.tar") == [f"image number {n}" for n in range(3)]
    (problem,) = _captions(f"{server}/absent.tar")
    assert "404" in problem


def test_what_fsspec_knows(tmp_path: Path) -> None:
    content = write_tar(tmp_path / "a.tar", numbered(range(3))).read_bytes()
    memory = fsspec.filesystem("memory")
    memory.pipe({"/bucket/a.tar": content, "/bucket/b.tar": content})
    assert expand(["memory://bucket/*.tar"]) == ["memory:///bucket/a.tar", "memory:///bucket/b.tar"]
    assert list_files("memory://bucket") == ["memory:///bucket/a.tar", "memory:///bucket/b.tar"]
    assert _captions("memory://bucket/a.tar") == [f"image number {n}" for n in range(3)]
    with pytest.raises(UserError, match="nosuch"):
        read_bytes("nosuch://bucket/a.tar")


def test_the_output_of_a_command(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", numbered(range(3)))
    assert _captions(f"pipe:cat {path}") == [f"image number {n}" for n in range(3)]
    assert _captions(f"pipe:cat {path}; exit 3")[-1].startswith("the command ended with code 3")
    assert _captions("pipe:exit 4") == ["the command ended with code 4: exit 4"]
    assert read_bytes("pipe:printf abc") == b"abc"


def test_a_command_that_is_not_read_to_its_end_is_stopped(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar", numbered(range(3)))
    items = TarReader().samples(f"pipe:cat {path} /dev/zero", first=0, keep=lambda i: True)
    next(items)
    items.close()  # type: ignore[attr-defined]  # returns although the command has no end
    assert next(items, None) is None


def test_opening_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locations, "PAUSES_SECONDS", (0.0, 0.0))
    attempts = []

    def third_time_lucky() -> str:
        attempts.append(1)
        if len(attempts) < 3:
            raise ConnectionResetError
        return "here"

    assert locations._persistent(third_time_lucky) == "here"
    assert len(attempts) == 3
    with pytest.raises(FileNotFoundError):
        locations._persistent(lambda: Path("absent").read_text())


def test_a_file_that_is_there_is_no_glob_and_no_range(tmp_path: Path) -> None:
    for name in ("run[1]", "a{0..2}"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "t.tar").touch()
        assert locations.expand([f"{tmp_path}/{name}/t.tar"]) == [f"{tmp_path}/{name}/t.tar"]


def test_links_in_a_folder_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.jpg").touch()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "data")
    assert locations.list_files(str(tmp_path / "data")) == [f"{tmp_path}/data/link/a.jpg"]
