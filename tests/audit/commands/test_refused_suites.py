"""Suites that cannot be: `probe check` and `run` refuse them alike, with the line, before they compute."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from clipmodel.errors import UserError
from probes.suite.suite import load_suite
from tests.audit.commands.conftest import SUITE, Invoke

SECONDS = 5  # one, on a machine that does nothing else


def _with(line: str, *, after: str = "title: Colours of squares\n") -> bytes:
    return SUITE.replace(after, after + line + "\n").encode()


BIG = ", ".join(f"w{i}" for i in range(100))
CASES: dict[str, tuple[bytes, str]] = {
    "a key twice": (_with("data: emoji"), "lines 3 and 4: the key 'data' is there twice"),
    "Latin-1": (_with("description: Edici\xf3n").decode().encode("latin-1"), "line 3: not UTF-8 text"),
    "UTF-16": (SUITE.encode("utf-16"), "not UTF-8 text"),
    "a date that is none": (_with("description: 2026-99-99"), "line 3: not valid YAML: '2026-99-99' is no"),
    "a bool that is none": (_with("description: !!bool maybe"), "'maybe' is not a valid truth value"),
    "a huge number": (_with("seed: " + "9" * 5000), "line 3"),
    "half a character": (_with('description: "\\ud800"'), "line 3: not valid YAML: half of a surrogate"),
    "a thousand levels": (_with("description: " + "[" * 1000 + "]" * 1000), "more than 64 levels deep"),
    "a seed below zero": (_with("seed: -5"), "line 3: seed"),
    "a curve of too many points": (_with("curve: 100000"), "line 3: curve"),
    "slots that multiply": (
        _with(f'templates: {{plain: {{texts: ["{{label}} {{a1}} {{a2}} {{a3}}"], slots: '
              f"{{a1: [{BIG}], a2: [{BIG}], a3: [{BIG}]}}}}}}"),
        "line 3: templates.plain",
    ),
    "classes that are one prompt": (
        SUITE.replace("[thief]", "[thief, Thief]").encode(), "one text to the tokenizer"
    ),
    "the name of a folder above": (SUITE.replace("suite: small", "suite: ../up").encode(), "line 1: suite"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_every_door_refuses_alike(name: str, invoke: Invoke, workplace: Path) -> None:
    content, message = CASES[name]
    (workplace / "odd.yaml").write_bytes(content)
    begun = time.process_time()
    with pytest.raises(UserError) as caught:
        load_suite(workplace / "odd.yaml")
    assert time.process_time() - begun < SECONDS
    assert message in caught.value.message
    for command in (("probe", "check", "odd.yaml"), ("run", "odd.yaml", "--out", "out")):
        done = invoke(*command)
        assert done.exit_code == 2, done.output
        assert message in " ".join(done.stderr.split())
    assert not (workplace / "out").exists()
