"""The GPU benchmark on the CPU: it runs, and it refuses a device that counts something else."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import gpu

SMALL = gpu.Size(files=2, batch=2, images=300, rounds=1, compiled=False)


def test_scoring_on_a_device_is_compared_with_the_cpu() -> None:
    found = gpu.scoring_race("cpu", SMALL)
    assert set(found.seconds) == {"clipmodel", "the CPU"} and found.items == 300


@pytest.mark.parametrize(("off", "refused"), [(1, False), (2, True)])
def test_other_counts_are_refused(off: int, refused: bool) -> None:
    """Of 300 images one may be on the other side of a threshold."""
    expected = [SimpleNamespace(hits={"argmax": np.array([[[5, 7]]])})]
    found = [SimpleNamespace(hits={"argmax": np.array([[[5 + off, 7]]])})]
    if not refused:
        gpu._require_near_counts(found, expected, 300)
        return
    with pytest.raises(RuntimeError, match="2 images apart over 1 designs"):
        gpu._require_near_counts(found, expected, 300)


def test_a_machine_without_the_device_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["gpu", "--device", "cuda:99"])
    with pytest.raises(SystemExit, match="--device cpu --quick"):
        gpu.main()
