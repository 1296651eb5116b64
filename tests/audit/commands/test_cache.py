"""`clip-audit cache`: what is stored is listed, and removed when asked to be."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from audit.cli import app
from audit.commands.cache import size_text
from probes.embeddings.store import EmbeddingStore


def ask(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, ["cache", *words], input=answer, env={"COLUMNS": "160"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    store = EmbeddingStore(tmp_path / "cache")
    for space, n in (("image aaaa1111 pixels", 3), ("text aaaa1111", 2), ("image bbbb2222 pixels", 1)):
        names = [hashlib.sha256(f"{space} {i}".encode()).hexdigest() for i in range(n)]
        store.add(space, names, np.ones((n, 4), np.float32))
    (store.folder("text aaaa1111") / "old.npz").write_bytes(b"x" * 1000)
    (store.folder("text aaaa1111") / "mine.txt").write_text("not ours")
    return store.root


def test_show_lists_models_and_old_files(root: Path) -> None:
    shown = ask("show", "--cache", str(root)).output
    assert "6 embeddings" in shown  # 3 + 2 + 1
    rows = {tuple(line.split()[:3]) for line in shown.splitlines() if line.startswith(("images", "texts"))}
    assert rows == {("images", "aaaa1111", "3"), ("images", "bbbb2222", "1"), ("texts", "aaaa1111", "2")}
    assert "1 file of an earlier version" in shown


def test_show_of_an_empty_cache(tmp_path: Path) -> None:
    assert "0 embeddings, 0 bytes" in ask("show", "--cache", str(tmp_path)).output


def test_clear_removes_one_model_or_old_files_or_all(root: Path) -> None:
    store = EmbeddingStore(root)
    assert ask("clear", "--cache", str(root), "--old", "--yes").output == "1 file removed, 1.0 kB\n"
    assert {each.n_old for each in store.summaries()} == {0}
    ask("clear", "--cache", str(root), "--model", "aaaa", "--yes")
    assert [each.space for each in store.summaries() if each.n_shards] == ["image bbbb2222 pixels"]
    assert (store.folder("text aaaa1111") / "mine.txt").read_text() == "not ours"
    ask("clear", "--cache", str(root), "--yes")
    assert not list(root.rglob("*.arrow"))
    assert ask("clear", "--cache", str(root)).output == "nothing to remove\n"


def test_clear_asks_first(root: Path) -> None:
    before = sorted(root.rglob("*"))
    assert ask("clear", "--cache", str(root), answer="n\n").exit_code == 1
    assert sorted(root.rglob("*")) == before
    assert ask("clear", "--cache", str(root), answer="y\n").exit_code == 0
    assert not list(root.rglob("*.arrow"))


def test_an_unknown_model_is_refused(root: Path) -> None:
    refused = ask("clear", "--cache", str(root), "--model", "cccc", "--yes")
    assert refused.exit_code == 2
    assert list(root.rglob("*.arrow"))


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (2.5e9, "2.5 GB"), (9e15, "9,000.0 TB")],
)
def test_sizes_have_a_unit(n_bytes: float, text: str) -> None:
    assert size_text(n_bytes) == text
