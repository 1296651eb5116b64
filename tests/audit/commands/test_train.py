"""`clip-audit train` with an audit on the way, and the report of its folder."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from rich.console import Console

from audit.commands.train import Progress, _duration
from audit.training.history import audits_in
from clipmodel.training.callbacks import StepReport
from tests.audit.commands.conftest import COLOURS, Invoke
from tests.clipmodel.training.conftest import RECIPE
from tests.clipmodel.training.support.made_shards import jpeg
from tests.clipmodel.training.support.streamed_data import streamed_recipe

MODEL = {**RECIPE["model"], "vision": {**RECIPE["model"]["vision"], "image_size": 32}}  # type: ignore[dict-item,index]


def _squares(path: Path, n: int = 48) -> None:
    rows = []
    for i in range(n):
        colour, buffer = list(COLOURS)[i % 3], io.BytesIO()
        pixels = np.full((32, 32, 3), COLOURS[colour], dtype=np.uint8) + np.uint8(i // 12)
        Image.fromarray(pixels).save(buffer, "PNG")
        shape = ["square", "field"][i % 2]
        rows.append({"image": buffer.getvalue(), "colour": colour, "shape": shape, "split": "train"})
    pd.DataFrame(rows).to_parquet(path)


@pytest.fixture
def recipe(workplace: Path) -> Path:
    """A recipe in the working directory of the small suite: squares to learn, people.csv to audit."""
    _squares(workplace / "squares.parquet")
    content: dict[str, Any] = {
        **RECIPE,
        "model": MODEL,
        "steps": 6,
        "save_every": 3,
        "data": {
            **RECIPE["data"],  # type: ignore[dict-item]
            "source": "squares.parquet",
            "captions": {"templates": [{"text": "{a} {colour} {shape} with several more words than needed"}]},
        },
        "validation": {"where": {}, "every": "2 steps", "zero_shot": {"colour": ["{}"]}},
        "audit": {"suite": "small.yaml", "every": "2 steps"},
    }
    path = workplace / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_audits_on_the_way_and_their_report(invoke: Invoke, recipe: Path, workplace: Path) -> None:
    out = workplace / "run"
    told = invoke("train", recipe, "--out", out)
    assert told.exit_code == 0, told.output
    assert [path.name for path in audits_in(out)] == ["step-000002", "step-000004", "step-000006"]
    assert (out / "loss.svg").is_file()
    assert (out / "accuracy.svg").is_file()
    measures = pd.read_csv(out / "measures.csv")
    assert {"zero-shot accuracy, colour", "audit accuracy, colour"} <= set(measures["measure"])
    told = invoke("report", out)
    assert told.exit_code == 0, told.output
    assert "Accuracy of the last audit" in told.stdout
    assert "one run is one seed" in told.stdout
    page = (out / "report.html").read_text()
    assert "One run is one seed" in page
    # Nothing of the audits is in the users' cache: it would never be asked for again.
    assert not list((workplace / "cache").rglob("*.npy*"))


def test_audits_of_steps_done_again_are_replaced(invoke: Invoke, recipe: Path, workplace: Path) -> None:
    out = workplace / "run"
    assert invoke("train", recipe, "--out", out, "--steps", "3").exit_code == 0
    stale = out / "audits" / "step-000005"
    (out / "audits" / "step-000003").rename(stale)  # as a run leaves it that is killed after its checkpoint
    (stale / "step.json").write_text(json.dumps({"step": 5, "epoch": 1.0}))
    assert invoke("train", recipe, "--out", out).exit_code == 0
    assert [path.name for path in audits_in(out)] == ["step-000002", "step-000004", "step-000006"]
    steps = pd.read_csv(out / "measures.csv").query("measure == 'audit accuracy, colour'")["step"]
    assert list(steps) == [2, 3, 4, 6]


def test_what_a_stream_skips_is_told_at_the_end(invoke: Invoke, workplace: Path) -> None:
    rows = ["image,caption", *(f"{n}.jpg,number {n}" for n in range(12))]
    for n in range(12):
        (workplace / f"{n}.jpg").write_bytes(b"no image" if n == 7 else jpeg(n))
    (workplace / "captions.csv").write_text("\n".join(rows))
    recipe = streamed_recipe("captions.csv", loading={"max_skipped": 5}).model_dump(mode="json")
    (workplace / "recipe.yaml").write_text(yaml.safe_dump({**recipe, "steps": 3}))
    told = invoke("train", "recipe.yaml", "--out", "run")
    assert told.exit_code == 0, told.output
    words = r"Skipped: (\d) of (\d\d) samples visited \(image damaged or of no known format: \d\)"
    found = re.search(words, told.stdout)
    assert found
    # Three batches of 8 are two passes over the 11 good ones and two images more.
    assert int(found[1]) in (2, 3) and int(found[2]) == 24 + int(found[1])
    told = invoke("report", "run")
    assert re.search(words, told.stdout)
    assert re.search(words[9:], Path("run/report.html").read_text())


def test_an_audit_changes_no_weight(invoke: Invoke, recipe: Path, workplace: Path) -> None:
    content = yaml.safe_load(recipe.read_text())
    del content["audit"], content["validation"]
    (workplace / "plain.yaml").write_text(yaml.safe_dump(content))
    for name in ("recipe.yaml", "plain.yaml"):
        assert invoke("train", name, "--out", name[:5], "--steps", "4").exit_code == 0
    first, second = (Path(name) / "model" / "model.safetensors" for name in ("recip", "plain"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"suite": "smal.yaml"}, "smal.yaml"),
        ({"evry": "1 epoch"}, "audit.evry: unknown key"),
        ({"every": "1 day"}, "audit.every"),
        ({"data": "table:nobody.csv"}, "nobody.csv"),
        ({"where": {"job": "judge"}}, "job"),
    ],
)
def test_a_mistake_in_the_audit_stops_before_the_first_step(
    invoke: Invoke, recipe: Path, workplace: Path, change: dict[str, Any], words: str
) -> None:
    content = yaml.safe_load(recipe.read_text())
    content["audit"] = {"suite": "small.yaml", "every": "2 steps", **change}
    recipe.write_text(yaml.safe_dump(content))
    told = invoke("train", recipe, "--out", "run")
    assert told.exit_code == 2
    assert words in told.output
    assert not Path("run/checkpoint.pt").exists()


def test_where_narrows_every_probe(invoke: Invoke, recipe: Path, workplace: Path) -> None:
    content = yaml.safe_load(recipe.read_text())
    content["audit"] |= {"where": {"gender": "woman"}, "every": "6 steps"}
    recipe.write_text(yaml.safe_dump(content))
    assert invoke("train", recipe, "--out", "run").exit_code == 0
    document = json.loads(Path("run/audits/step-000006/audit.json").read_text())
    overall = document["accuracy"][0]
    assert overall["n"] == 24  # of 48 people


def _report(step: int) -> StepReport:
    return StepReport(
        step=step, steps=100, epoch=step / 10, pairs=8, loss=1.25, learning_rate=0.1, logit_scale=14.0,
        seconds=0.5, data_seconds=0.05,
    )  # fmt: skip


def test_progress_shows_speed_wait_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 100, 2))  # two seconds between steps, of which a step itself is half a second
    monkeypatch.setattr("audit.commands.train.time.perf_counter", lambda: float(next(clock)))
    shown: list[tuple[str, int, int]] = []
    progress = Progress("tiny", stop=50, show=lambda *told: shown.append(told))
    for step in (1, 2, 3):
        progress(_report(step))
    assert shown[0] == ("tiny: epoch 0.1, loss 1.250", 1, 50)
    # 8 pairs in 2 s; 0.05 of 2 s is 2.5 %. The bar says itself what is left.
    assert shown[2] == ("tiny: epoch 0.3, loss 1.250, 4 images/s, data wait 2 %", 3, 50)


def test_without_a_terminal_a_line_says_it_every_half_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(0, 1000, 16))
    monkeypatch.setattr("audit.commands.train.time.perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr("audit.commands.train.terminal.ERR", Console(stderr=True, highlight=False))
    progress = Progress("tiny", stop=50, show=None)
    for step in (1, 2, 3, 4, 50):
        progress(_report(step))
    # Sixteen seconds a step: the third line is due after 32 s, the last one at the end; 47 x 16 s are left.
    assert capsys.readouterr().err.splitlines() == [
        "tiny: step 1 of 50, epoch 0.1, loss 1.250",
        "tiny: step 3 of 50, epoch 0.3, loss 1.250, 0 images/s, data wait 0 %, 13 min left",
        "tiny: step 50 of 50, epoch 5.0, loss 1.250, 0 images/s, data wait 0 %, 0 s left",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "5 s"), (100, "2 min"), (3600 * 2 + 60, "2 h 01 min"), (3600 * 75, "3 d 3 h")],
)
def test_durations(seconds: float, words: str) -> None:
    assert _duration(seconds) == words
