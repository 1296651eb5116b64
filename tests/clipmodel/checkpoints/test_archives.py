from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from clipmodel.checkpoints import archives
from clipmodel.checkpoints.archives import read_entry, require_sane_archive
from clipmodel.errors import UserError


def archive(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return path


def test_a_file_that_is_no_archive_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive")
    require_sane_archive(tmp_path / "text")
    require_sane_archive(archive(tmp_path / "m.pt", a=bytes(1000)))


def test_declared_bytes_may_exceed_the_file_by_the_allowance_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "ALLOWANCE_BYTES", 0)
    path = archive(tmp_path / "m.pt", a=bytes(100_000))  # zeros shrink to some hundred bytes
    assert path.stat().st_size < 1000
    with pytest.raises(UserError, match="unpack to 100,000"):
        require_sane_archive(path)


@pytest.mark.parametrize(
    ("limit", "message"), [("MAX_ENTRIES", "an archive of 2 files"), ("MAX_PICKLE_BYTES", "a pickle of 9")]
)
def test_entries_and_pickles_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, message: str
) -> None:
    path = archive(tmp_path / "m.pt", **{"m/data.pkl": bytes(9), "m/x": b""})
    require_sane_archive(path)
    monkeypatch.setattr(archives, limit, 1)
    with pytest.raises(UserError, match=message):
        require_sane_archive(path)


def test_a_damaged_directory_names_the_file(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.pt", a=bytes(10))
    content = path.read_bytes()
    place = content.index(b"PK\x01\x02")  # of the central directory
    path.write_bytes(content[:place] + b"XX" + content[place + 2 :])
    with pytest.raises(UserError, match=r"m\.pt: damaged archive"):
        require_sane_archive(path)


def test_an_entry_is_read_whole_or_not(tmp_path: Path) -> None:
    path = archive(tmp_path / "m.pt", a=b"content")
    with zipfile.ZipFile(path) as file:
        assert read_entry(file, "a") == b"content"
        with pytest.raises(KeyError):
            read_entry(file, "b")
        file.getinfo("a").file_size = 3  # the directory says less than there is
        with pytest.raises(zipfile.BadZipFile):
            read_entry(file, "a")
