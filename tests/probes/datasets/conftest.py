"""Folders in the layouts of the data sets, with noise in the place of images of persons."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from audit.cli import app

WriteImages = Callable[..., None]


def noise(number: int) -> bytes:
    """An 8 x 6 JPEG of noise, another one for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG")
    return buffer.getvalue()


@pytest.fixture
def write_images(tmp_path: Path) -> WriteImages:
    """Writes noise under each of some paths below the test's folder."""

    def write(*names: str) -> None:
        for number, name in enumerate(names):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(noise(number))

    return write


RunThrough = Callable[..., str]
SUITE = """
suite: layout
templates: {{photo: ["a photo of {{a}} {{label}}"]}}
label_sets:
  things:
    sets:
      identity: [person, street]
      "harm: crime": [thief]
probes:
  - name: words
    label_set: things
    templates: [photo]
    groups: {groups}
    outcomes: {{crime: ["harm: crime"]}}
    min_group: 1
"""


@pytest.fixture
def run_through(tmp_path: Path) -> RunThrough:
    """Runs `data check` and a suite on KIND:PATH, and gives what the check printed.

    The audit must have written rates of every grouping, and hold no image.
    """

    def run(data: str, *, groups: list[list[str]]) -> str:
        suite = tmp_path / "layout_suite.yaml"
        suite.write_text(SUITE.format(groups=groups))
        runner = CliRunner(env={"COLUMNS": "400", "CLIP_AUDIT_CACHE": str(tmp_path / "cache")})
        checked = runner.invoke(app, ["data", "check", data])
        assert checked.exit_code == 0, checked.output
        out = tmp_path / "layout_audit"
        done = runner.invoke(app, ["run", str(suite), "--data", data, "--out", str(out)])
        assert done.exit_code == 0, done.output
        rates = pd.read_csv(out / "rates.csv")
        for grouping in groups:
            assert (rates[grouping] != "(all)").all(axis=1).any(), grouping
        page = (out / "report.html").read_bytes()
        assert b"data:image/" not in page.replace(b"data:image/svg", b"")
        return " ".join(checked.output.split())  # long lines are wrapped

    return run
