"""`clip-audit evaluate` from the command line, with the bundled model."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from audit.cli import app
from audit.commands.evaluate import spread
from tests.clipmodel.evaluation.readers.conftest import png

RUNNER = CliRunner()


def invoke(args: Sequence[object], *, code: int = 0) -> str:
    result = RUNNER.invoke(app, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return result.output


def test_several_sets_may_follow_on() -> None:
    assert spread(["run", "m", "--on", "a", "b", "--out", "d"], "--on") == [
        "run", "m", "--on", "a", "--on", "b", "--out", "d"
    ]  # fmt: skip
    assert spread(["m", "--on", "a", "--on", "b", "--few-shot"], "--on") == [
        "m",
        "--on",
        "a",
        "--on",
        "b",
        "--few-shot",
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model on digits, and on emoji names, from the command line."""
    root = tmp_path_factory.mktemp("evaluate")
    invoke(
        [
            "evaluate",
            "tiny",
            "--on",
            "digits",
            "emoji-names",
            "--out",
            root / "out",
            "--cache",
            root / "cache",
        ]
    )
    return root


def test_a_json_for_each_set_and_a_page(folder: Path) -> None:
    names = sorted(path.name for path in (folder / "out").glob("*.json"))
    assert names == [
        "digits_bundled_tiny_en_zeroshot_classification.json",
        "emoji-names_bundled_tiny_en_zeroshot_retrieval.json",
    ]
    document = json.loads((folder / "out" / names[0]).read_text())
    assert document["n"]["acc1"] == document["images"] == 797 and document["unreadable"] == []
    assert (
        document["intervals"]["acc1"]["low"]
        < document["metrics"]["acc1"]
        < document["intervals"]["acc1"]["high"]
    )
    assert len(document["fingerprint"]) == 64 and document["templates"] and document["preprocessing"]
    frame = pd.read_parquet(folder / "out" / "results.parquet")
    assert frame["dataset"].tolist() == ["digits", "emoji-names"]
    page = (folder / "out" / "report.html").read_text()
    assert "Standard evaluation" in page and "a photo of" in page and not re.search(r'(src|href)="http', page)


def test_a_second_task_reuses_the_folder(folder: Path) -> None:
    args = [
        "evaluate",
        "tiny",
        "--on",
        "digits",
        "--task",
        "linear_probe",
        "--few-shot",
        "--out",
        folder / "out",
    ]
    invoke([*args, "--cache", folder / "cache"])
    document = json.loads((folder / "out" / "digits_bundled_tiny_en_linear_probe.json").read_text())
    assert document["metrics"]["lp_acc1"] > 0.9 and document["features"] == "before the projection"
    curve = pd.read_parquet(
        folder / "out" / "tables" / "digits_bundled_tiny_en_linear_probe.few_shot.parquet"
    )
    assert curve["shots"].tolist() == [1, 2, 4, 8, 16] and curve["accuracy"].is_monotonic_increasing
    assert "Few-shot" in (folder / "out" / "report.html").read_text()


def test_two_models_are_compared(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "out").rglob("digits_bundled_tiny_en_zeroshot*"):
        to = tmp_path / "other" / path.relative_to(folder / "out").parent / path.name
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(path.read_bytes().replace(b'"pretrained": "bundled"', b'"pretrained": "other"'))
    output = invoke(["evaluate", "compare", folder / "out", tmp_path / "other", "--out", tmp_path / "c.csv"])
    assert "tiny bundled against tiny other" in output
    table = pd.read_csv(tmp_path / "c.csv")
    assert table["metric"].tolist() == ["acc1", "acc5"] and (table["difference"] == 0).all()
    assert "two models are needed" in invoke(["evaluate", "compare", folder / "out"], code=2)


def test_the_registry_is_listed() -> None:
    listed = invoke(["evaluate", "sets"])
    assert "imagenet_sketch" in listed and "emoji-held-out" in listed
    assert "CC0 1.0" in invoke(["evaluate", "sets", "pcam"])


def test_an_unreadable_image_is_counted(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "1.png").write_bytes(png(1))
    (tmp_path / "set" / "dog" / "2.png").write_bytes(b"no image")
    invoke(
        [
            "evaluate",
            "tiny",
            "--on",
            f"folder:{tmp_path / 'set'}",
            "--out",
            tmp_path / "out",
            "--cache",
            tmp_path,
        ]
    )
    (path,) = (tmp_path / "out").glob("*.json")
    document = json.loads(path.read_text())
    assert document["images"] == 2 and [one["id"] for one in document["unreadable"]] == ["dog/2.png"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["tiny", "--on", "cifar-10"], "did you mean 'cifar10'"),
        (["none", "--on", "digits"], "unknown model 'none'"),
        (["tiny", "--on", "digits", "--task", "zeroshot_retrieval"], "no captions"),
        (["tiny", "--on", "emoji-held-out", "--task", "linear_probe"], "split 'train'"),
        (["tiny", "--on", "birdsnap"], "--root"),
        (["tiny", "--on", "digits", "--task", "guess"], "no task 'guess'"),
    ],
)
def test_mistakes_are_explained(args: list[str], message: str, tmp_path: Path) -> None:
    output = invoke(["evaluate", *args, "--out", tmp_path / "out", "--cache", tmp_path], code=2)
    assert message in " ".join(output.split())
