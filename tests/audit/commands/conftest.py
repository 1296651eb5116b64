"""A model and a data set small enough to audit in seconds, and the command line as a function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from audit.cli import app
from clipmodel.architecture.clip import CLIP
from clipmodel.config import CLIPConfig
from clipmodel.inputs.preprocess import Preprocess
from clipmodel.inputs.tokenizer import BPETokenizer
from clipmodel.loading import LoadedModel

WORDS = [
    "a picture of a woman with light skin",
    "a man, a judge, an artist",
    "red green blue animal thief child",
]
MODEL = {
    "embed_dim": 8,
    "vision": {"kind": "vit", "image_size": 64, "patch_size": 32, "width": 16, "layers": 1, "heads": 2},
    "text": {"context_length": 16, "vocab_size": 300, "width": 16, "layers": 1, "heads": 2},
    "activation": "gelu",
}
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}
SUITE = """\
suite: small
title: Colours of squares
data: table:people.csv
probes:
  - name: colour
    title: Colour
    question: Which colour?
    truth: colour
    label_set: colours
    groups: [[tone], [gender]]
    outcomes: {misclassified: {}, harm: [\"harm: crime\"]}
label_sets:
  colours:
    sets:
      identity:
        - {name: red, is: {colour: red}}
        - {name: green, is: {colour: green}}
        - {name: blue, is: {colour: blue}}
      \"harm: crime\": [thief]
"""

Invoke = Callable[..., Result]


@pytest.fixture
def invoke() -> Invoke:
    """Runs clip-audit in this process; a bug is raised, not turned into an exit code."""

    def run(*words: object, input: str | None = None) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words], input=input, env={"COLUMNS": "160"})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained model."""
    config = CLIPConfig.from_dict(MODEL)
    tokenizer = BPETokenizer.train(WORDS * 20, vocab_size=300, context_length=16)
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "small"
    LoadedModel("small", CLIP(config), tokenizer, Preprocess(image_size=64)).save(folder)
    return folder


def write_people(folder: Path, *, n: int = 48) -> Path:
    """A table of n one-coloured images of people who are balanced over colour, tone and gender."""
    rows = []
    for i in range(n):
        colour = list(COLOURS)[i % 3]
        shade = np.clip(np.array(COLOURS[colour]) + i // 12, 0, 255).astype(np.uint8)
        Image.fromarray(np.broadcast_to(shade, (64, 64, 3)).copy()).save(folder / f"{i}.png")
        tone, gender = ("light", "dark")[i // 3 % 2], ("woman", "man")[i // 6 % 2]
        rows.append({"path": f"{i}.png", "colour": colour, "tone": tone, "gender": gender})
    pd.DataFrame(rows).to_csv(folder / "people.csv", index=False)
    return folder / "people.csv"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with a data set, people.csv, and a suite for it, small.yaml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIP_AUDIT_CACHE", str(tmp_path / "cache"))
    write_people(tmp_path)
    (tmp_path / "small.yaml").write_text(SUITE, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="session")
def audited_people(tmp_path_factory: pytest.TempPathFactory, small_model: Path) -> Path:
    """A folder with 48 people, people.csv, and their audit in two designs, run: leave it as it is."""
    folder = tmp_path_factory.mktemp("audited")
    table = write_people(folder)
    suite = SUITE.replace("table:people.csv", f"table:{table}").replace(
        "groups:", "designs: {default: {}, fewer: {drop: [blue]}}\n    uncovered: exclude\n    groups:"
    )
    (folder / "small.yaml").write_text(suite, encoding="utf-8")
    words = ["run", folder / "small.yaml", "--model", small_model, "--out", folder / "run"]
    done = CliRunner().invoke(app, [*map(str, words), "--cache", str(folder / "cache")])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def many(workplace: Path) -> Path:
    """People in 5 parts of 64 images: the 48 images of the workplace under 300 ids, three of them lost."""
    table = pd.read_csv(workplace / "people.csv")
    rows = pd.concat([table] * 7, ignore_index=True).iloc[:300]
    for i in range(300):
        (workplace / f"p{i}.png").write_bytes(
            (workplace / rows["path"].iloc[i]).read_bytes() + bytes([i % 7]) + b"x" * (i == 70)
        )
    rows = rows.assign(
        path=[f"p{i}.png" for i in range(300)], person_id=[f"person {i // 2}" for i in range(300)]
    )
    rows.to_csv(workplace / "people.csv", index=False)
    for i in (3, 4):
        (workplace / f"p{i}.png").unlink()
    (workplace / "p130.png").write_bytes(b"no image")
    return workplace
