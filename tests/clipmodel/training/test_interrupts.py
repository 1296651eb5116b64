from __future__ import annotations

import os
import signal

import pytest

from clipmodel.training.interrupts import uninterrupted


def test_ctrl_c_waits_for_the_step_and_twice_does_not() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("the whole step")
    assert done == ["the whole step"]
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        done.append("more")
    assert done == ["the whole step"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
