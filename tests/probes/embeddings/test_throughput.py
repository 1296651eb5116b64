from __future__ import annotations

import io

import pytest
from PIL import Image

from probes.embeddings import throughput
from probes.embeddings.throughput import PHOTO, Rates, measure


def test_time_and_disk_by_hand() -> None:
    rates = Rates(decode=50.0, embed=200.0, dim=512)
    # Decoding is the slower of the two: 1,000 images take 10 s on two workers.
    assert rates.seconds(1000, 2) == pytest.approx(10)
    assert rates.stored_bytes(1000, "float32") == 1000 * (512 * 4 + 40)
    assert rates.stored_bytes(1000, "float16") == 1000 * (512 * 2 + 40)


def test_the_best_round_counts_after_one_that_warms_up(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 3.0, 10.0, 11.0, 20.0, 22.0])
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: next(ticks))
    worked: list[int] = []
    assert throughput._best(lambda: worked.append(1)) == 1 and len(worked) == 4


def test_the_bundled_model_is_measured_on_a_drawn_photo() -> None:
    photo = Image.open(io.BytesIO(throughput._photo()))
    assert (photo.size, photo.format) == (PHOTO, "JPEG")
    rates = measure("tiny", "cpu")
    assert rates.decode > 0 and rates.embed > 0 and rates.dim > 0
