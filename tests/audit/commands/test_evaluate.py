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


def test_sets_are_listed_with_their_terms_and_whether_those_were_read() -> None:
    listed = " ".join(invoke(["evaluate", "sets", "objectnet"]).split())
    assert "licence_checked True" in listed and "objectnet-1000" in invoke(["evaluate", "sets"])
    assert "written from memory" in " ".join(invoke(["evaluate", "sets"]).split())


def two_sets(root: Path) -> tuple[str, str]:
    """Light and dark squares, four to fit and four to ask; one image is in both."""
    for split, shades in (("train", (10, 40, 200, 240)), ("test", (10, 55, 190, 230))):
        for number, shade in enumerate(shades):
            place = root / split / ("dark" if shade < 128 else "light")
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}.png").write_bytes(png(shade))
    return str(root), f"folder:{root / 'test'}"


def test_overlap_writes_accuracy_with_and_without_duplicates(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    two_sets(tmp_path / "set")
    text = "name: own\ntitle: Own\nmetric: acc1\nroot: set\nclasses: [dark, light]\ntemplates: ['a {}']\n"
    path.write_text(text, encoding="utf-8")
    output = invoke(
        ["evaluate", "overlap", "tiny", "--train", path, "--on", path, "--similarity", "0.9999",
         "--out", tmp_path / "out", "--cache", tmp_path]
    )  # fmt: skip
    listed = pd.read_csv(tmp_path / "out" / "duplicates.csv")
    assert len(listed) == 4 and listed.loc[listed["id"].str.contains("dark/0"), "duplicate"].all()
    table = pd.read_csv(tmp_path / "out" / "overlap.csv")
    assert table["n"].iloc[0] == 4 and "Duplicates" in output


def test_adapt_writes_accuracy_of_both_and_a_page(tmp_path: Path) -> None:
    output = invoke(
        ["evaluate", "adapt", "tiny", "--fit", "digits", "--on", "digits", "--out", tmp_path / "out",
         "--cache", tmp_path]
    )  # fmt: skip
    row = pd.read_csv(tmp_path / "out" / "adaptation.csv").iloc[0]
    assert row["adapted"] > 0.9 > row["zero_shot"] and row["low"] < row["difference"] < row["high"]
    assert "A linear classifier fitted on digits" in output
    assert "fitted on digits is right for" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


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
