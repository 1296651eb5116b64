"""Whatever interrupts the writing, the earlier file or folder is there and nothing half done beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from clipmodel.atomic_files import new_folder, replace_file, replace_folder
from clipmodel.errors import UserError


def owned(name: str) -> bool:
    return name.endswith(".ours")


def content_of(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*")) if p.is_file()}


def writes(text: str):
    return lambda folder: (folder / "a.ours").write_text(text)


def test_a_file_is_replaced_and_no_draft_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"first")
    replace_file(path, lambda file: file.write(b"second"))
    assert content_of(tmp_path) == {"a.bin": "second"}


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, OSError])
def test_an_interruption_leaves_the_earlier_file(tmp_path: Path, interruption: type[BaseException]) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"first")

    def interrupted(file: BinaryIO) -> None:
        file.write(b"half")
        raise interruption

    with pytest.raises(interruption):
        replace_file(path, interrupted)
    assert content_of(tmp_path) == {"a.bin": "first"}


def test_a_disk_that_fills_up_at_the_last_moment_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"first")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)  # where a file system allocates late, this is where it says so
    with pytest.raises(OSError, match="No space left"):
        replace_file(path, lambda file: file.write(b"second"))
    assert content_of(tmp_path) == {"a.bin": "first"}


def test_a_folder_is_made_with_its_parents_then_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one"
    replace_folder(folder, writes("first"), owned=owned)
    (folder / "stale.ours").write_text("old")
    replace_folder(folder, writes("second"), owned=owned)
    assert content_of(folder) == {"a.ours": "second"}
    assert [p.name for p in folder.parent.iterdir()] == ["one"]


def test_files_of_others_are_carried_over(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "notes").mkdir(parents=True)
    (folder / "notes" / "mine.txt").write_text("keep")
    replace_folder(folder, writes("new"), owned=owned)
    assert content_of(folder) == {"a.ours": "new", "notes/mine.txt": "keep"}


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("earlier", [True, False])
def test_an_interruption_leaves_the_earlier_folder_or_none(
    tmp_path: Path, interruption: type[BaseException], earlier: bool
) -> None:
    folder = tmp_path / "run"
    if earlier:
        replace_folder(folder, writes("first"), owned=owned)

    def interrupted(content: Path) -> None:
        (content / "a.ours").write_text("half")
        raise interruption

    with pytest.raises(interruption):
        replace_folder(folder, interrupted, owned=owned)
    assert (content_of(folder) if earlier else list(tmp_path.iterdir())) == (
        {"a.ours": "first"} if earlier else []
    )
    assert len(list(tmp_path.iterdir())) == int(earlier)


def test_a_swap_that_fails_puts_the_earlier_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    replace_folder(folder, writes("first"), owned=owned)
    rename = Path.rename

    def failing(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(UserError, match=r"run: cannot be written \(No space left on device\)"):
        replace_folder(folder, writes("second"), owned=owned)
    assert content_of(folder) == {"a.ours": "first"}


def test_a_file_in_the_way_is_a_user_error(tmp_path: Path) -> None:
    file = tmp_path / "run"
    file.write_text("mine")
    with pytest.raises(UserError, match="a file, not a folder"):
        replace_folder(file, writes("new"), owned=owned)
    with pytest.raises(UserError, match=r"cannot be written \((Not a directory|File exists)\)"):
        replace_folder(file / "below", writes("new"), owned=owned)
    assert file.read_text() == "mine"


def test_a_folder_that_may_not_be_written_is_a_user_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Tests may run as root, who may write everywhere: the answer of the system is put in.
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(UserError, match=r"cannot be written \(Permission denied\)"):
        replace_folder(tmp_path, writes("new"), owned=owned)


KILLED = """
import os, sys
from pathlib import Path
from clipmodel import atomic_files
def fill(content):
    (content / "new.txt").write_text("new")
    if sys.argv[2] == "filling": os._exit(9)
rename = Path.rename
def killed(self, goal):
    if self.name == "new": os._exit(9)
    return rename(self, goal)
if sys.argv[2] == "swapping": Path.rename = killed
atomic_files.replace_folder(Path(sys.argv[1]), fill, owned=lambda name: True)
"""


@pytest.mark.parametrize("moment", ["filling", "swapping"])
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path, moment: str) -> None:
    """Killed between the two renames, the earlier folder lies in the draft: it is put back, then replaced."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "theirs.md").write_text("kept")
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), moment], cwd=Path(__file__).parents[2])
    assert done.returncode == 9
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".out-")]
    replace_folder(folder, lambda content: (content / "a").touch(), owned=lambda name: False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert sorted(path.name for path in folder.iterdir()) == ["a", "theirs.md"]


def test_a_draft_that_is_being_written_stays(tmp_path: Path) -> None:
    def fill(content: Path) -> None:
        replace_folder(tmp_path / "out", lambda inner: (inner / "b").touch(), owned=lambda name: True)
        (content / "a").touch()

    replace_folder(tmp_path / "out", fill, owned=lambda name: True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_a_new_folder_appears_whole_and_refuses_one_that_is_there(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "out") as draft:
        (draft / "a").touch()
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with new_folder(tmp_path / "out") as draft:
        (draft / "a").touch()
    assert content_of(tmp_path / "out") == {"a": ""}
    with pytest.raises(UserError, match="exists already"), new_folder(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
