"""`clip-audit data forget`: embeddings of withdrawn images go, all others stay."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from audit.cli import app
from probes.datasets.downscaled import downscaled_hash
from probes.embeddings.store import EmbeddingStore

SPACE = "image m pixels"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def ask(*words: str) -> Result:
    return CliRunner().invoke(app, ["data", "forget", *words])


@pytest.fixture
def people(tmp_path: Path) -> dict[str, str]:
    """Three images in a table and in the store, one of them in 8 pixels too; image id -> content hash."""
    hashes = {}
    for i in range(3):
        buffer = io.BytesIO()
        Image.new("RGB", (4, 4), (i, i, i)).save(buffer, format="PNG")
        (tmp_path / f"{i}.png").write_bytes(buffer.getvalue())
        hashes[f"{i}.png"] = sha(buffer.getvalue())
    (tmp_path / "t.csv").write_text("path,gender\n0.png,woman\n1.png,man\n2.png,woman\n")
    store = EmbeddingStore(tmp_path / "cache")
    store.add(SPACE, list(hashes.values()), np.ones((3, 2), np.float32))
    store.add(SPACE, [downscaled_hash(hashes["1.png"], 8)], np.ones((1, 2), np.float32))
    return hashes


def left(tmp_path: Path, hashes: dict[str, str]) -> list[str]:
    _, found = EmbeddingStore(tmp_path / "cache").fetch(SPACE, list(hashes.values()), dim=2)
    return [name for name, yes in zip(hashes, found, strict=True) if yes]


def test_by_id_with_the_downscaled_copies(tmp_path: Path, people: dict[str, str]) -> None:
    done = ask(f"table:{tmp_path / 't.csv'}", "--image", "1.png", "--cache", str(tmp_path / "cache"))
    assert (done.exit_code, done.output) == (0, "2 embeddings forgotten\n")
    assert left(tmp_path, people) == ["0.png", "2.png"]


def test_by_a_list_of_ids_or_sums(tmp_path: Path, people: dict[str, str]) -> None:
    (tmp_path / "ids.txt").write_text("\n0.png\n")
    (tmp_path / "sums.txt").write_text(f"{people['2.png']}  2.png\n")
    cache = ["--cache", str(tmp_path / "cache")]
    assert ask("--sha256", str(tmp_path / "sums.txt"), *cache).exit_code == 0
    assert left(tmp_path, people) == ["0.png", "1.png"]
    assert ask(f"table:{tmp_path / 't.csv'}", "--ids", str(tmp_path / "ids.txt"), *cache).exit_code == 0
    assert left(tmp_path, people) == ["1.png"]


def test_what_is_gone_from_the_data_is_forgotten_with_all_but(tmp_path: Path, people: dict[str, str]) -> None:
    (tmp_path / "t.csv").write_text("path,gender\n0.png,woman\n1.png,man\n")
    data = f"table:{tmp_path / 't.csv'}"
    assert ask(data, "--all-but", "--cache", str(tmp_path / "cache")).exit_code == 0
    assert left(tmp_path, people) == ["0.png", "1.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "which images"),
        (["--image", "0.png"], "ids belong to a data set"),
        (["DATA", "--image", "9.png"], "no image is called '9.png'"),
        (["DATA", "--image", "0.png", "--all-but"], "which images"),
        (["--sha256", "SUMS"], "line 2: 'no sum' does not begin with a SHA-256 sum"),
        (["--sha256", "NOWHERE"], "no UTF-8 text that can be read"),
    ],
)
def test_mistakes(
    tmp_path: Path, people: dict[str, str], words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sums.txt").write_text(f"{'a' * 64}\nno sum\n")
    names = {"DATA": f"table:{tmp_path / 't.csv'}", "SUMS": str(tmp_path / "sums.txt")}
    done = ask(*[names.get(word, word) for word in words], "--cache", str(tmp_path / "cache"))
    assert done.exit_code == 2
    assert message in done.stderr or message in capsys.readouterr().err
    assert left(tmp_path, people) == list(people)


def test_an_image_that_is_gone_needs_its_sum(tmp_path: Path, people: dict[str, str]) -> None:
    (tmp_path / "2.png").unlink()
    done = ask(f"table:{tmp_path / 't.csv'}", "--image", "2.png", "--cache", str(tmp_path / "cache"))
    assert done.exit_code == 2
    assert left(tmp_path, people) == list(people)


def test_what_a_published_set_lists_as_withdrawn(tmp_path: Path) -> None:
    """PAIRS here: a scene is its cluster, so both images of the scene go, and the other scene stays."""
    names = ["a/one/black_man.png", "a/one/white_man.png", "a/two/black_man.png"]
    hashes = {}
    for number, name in enumerate(names):
        buffer = io.BytesIO()
        Image.new("RGB", (4, 4), (number, 0, 0)).save(buffer, format="PNG")
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
        hashes[name] = sha(buffer.getvalue())
    EmbeddingStore(tmp_path / "cache").add(SPACE, list(hashes.values()), np.ones((3, 2), np.float32))
    (tmp_path / "withdrawn.txt").write_text("a/one\n")
    done = ask(f"pairs:{tmp_path}", "--withdrawn", "--cache", str(tmp_path / "cache"))
    assert (done.exit_code, done.output) == (0, "2 embeddings forgotten\n")
    assert left(tmp_path, hashes) == ["a/two/black_man.png"]


def test_withdrawn_needs_a_published_set(tmp_path: Path, people: dict[str, str]) -> None:
    assert ask("--withdrawn").exit_code == 2
    done = ask(f"table:{tmp_path / 't.csv'}", "--withdrawn", "--cache", str(tmp_path / "cache"))
    assert done.exit_code == 2
    assert "give the ids with --ids" in done.output
