"""Ray is imported when it is asked for, and a session that was there before stays."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from clipmodel.errors import UserError
from clipmodel.ray_session import import_ray, ray_session


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="needs Ray") as raised:
        import_ray()
    assert raised.value.remedy == "pip install 'clip-audit[scale]'"


@pytest.mark.parametrize(("running", "address"), [(True, None), (False, None), (False, "auto")])
def test_a_session_is_started_and_ended_unless_there_is_one(
    monkeypatch: pytest.MonkeyPatch, running: bool, address: str | None
) -> None:
    calls: list[tuple[str, dict[str, object]]] = []
    ray = SimpleNamespace(
        is_initialized=lambda: running,
        init=lambda **options: calls.append(("init", options)),
        shutdown=lambda: calls.append(("shutdown", {})),
    )
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if address:
        monkeypatch.setenv("RAY_ADDRESS", address)
    with ray_session(ray, 3):
        begun = list(calls)
    assert [name for name, _ in calls] == ([] if running else ["init", "shutdown"])
    if begun:
        # Of a cluster nothing is set; on this machine one processor more than workers.
        assert begun[0][1].get("num_cpus") == (None if address else 4)


def test_a_start_that_took_too_long_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    tried: list[int] = []

    def init(**options: object) -> None:
        tried.append(1)
        if len(tried) < 3:
            raise RuntimeError("The current node timed out during startup.")

    ray = SimpleNamespace(is_initialized=lambda: False, init=init, shutdown=lambda: None)
    with ray_session(ray, 1):
        assert len(tried) == 3

    def refused(**options: object) -> None:
        raise RuntimeError("no such address")

    ray.init = refused
    with pytest.raises(RuntimeError, match="no such address"), ray_session(ray, 1):
        pass
