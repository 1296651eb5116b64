"""`clip-audit plan`: arithmetic by hand, and one run that measures."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from audit.cli import app
from audit.commands.plan import time_text
from probes.embeddings.throughput import Rates


def test_time_and_disk_by_hand() -> None:
    """The slower of decoding and embedding counts: 1e6 images at 50/s on 4 workers are 5,000 s."""
    rates = Rates(decode=200.0, embed=50.0, dim=512)
    assert rates.seconds(10**6, 4) == 5000
    assert rates.stored_bytes(10**6, "float16") == 10**6 * (512 * 2 + 40)
    assert rates.stored_bytes(10**6, "float32") == 10**6 * (512 * 4 + 40)


@pytest.mark.parametrize(
    ("seconds", "text"), [(30, "30 seconds"), (90, "1.5 minutes"), (5400, "1.5 hours"), (302_400, "3.5 days")]
)
def test_times_have_a_unit(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_the_command_measures_and_multiplies() -> None:
    done = CliRunner().invoke(app, ["plan", "--price", "2", "--workers", "10"], env={"COLUMNS": "160"})
    assert done.exit_code == 0
    assert "measured here" in done.output and "With 10 workers" in done.output
    assert {"1,000,000", "100,000,000", "10,000,000,000"} <= set(done.output.split())
    assert CliRunner().invoke(app, ["plan", "--store", "int8"]).exit_code == 2
