"""`clip-audit view` finds the data of an audit, asks their card, and serves or exports their images."""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit.commands.view import _export, _rows
from audit.result import AuditResult
from audit.viewer.cell_images import Choice, chosen_images
from audit.viewer.server import Server
from clipmodel.errors import UserError
from probes.datasets import load_dataset
from probes.scoring.outcome_bits import digests
from tests.audit.commands.conftest import Invoke


@pytest.fixture
def copy(audited_people: Path, tmp_path: Path) -> Path:
    """The data, without their audit, in a folder of the same name that a test may change."""
    for file in audited_people.glob("*.*"):
        if file.is_file():
            shutil.copy(file, tmp_path / file.name)
    return tmp_path


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Server]:
    """The servers that were started: each answers for one page, then gets Ctrl-C."""
    started: list[Server] = []

    def serve(server: Server) -> None:
        started.append(server)
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with urllib.request.urlopen(server.address, timeout=20) as answer:
            assert answer.status == 200
        thread.join(timeout=20)
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "serve_forever", serve)
    return started


def test_it_prints_an_address_that_opens_and_ends_with_ctrl_c(
    audited_people: Path, invoke: Invoke, served: list[Server]
) -> None:
    data = f"table:{audited_people / 'people.csv'}"
    done = invoke("view", audited_people / "run", "--data", data)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [f"Open:  {served[0].address}", "Ctrl-C ends it.", "ended"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", served[0].address)
    assert served[0].view.against is None
    assert served[0].socket.fileno() == -1  # closed: nothing listens on


def test_another_audit_and_a_port_can_be_given(
    audited_people: Path, invoke: Invoke, served: list[Server]
) -> None:
    run, data = audited_people / "run", f"table:{audited_people / 'people.csv'}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = invoke("view", run, "--data", data, "--against", run, "--port", port)
    assert done.exit_code == 0, done.output
    assert f"http://127.0.0.1:{port}/" in done.output
    assert served[0].view.against is not None
    assert served[0].view.against.manifest == served[0].view.result.manifest


def test_a_port_that_is_taken_is_named(audited_people: Path, invoke: Invoke) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        data = f"table:{audited_people / 'people.csv'}"
        done = invoke("view", audited_people / "run", "--data", data, "--port", port)
    assert done.exit_code == 2
    assert f"port {port} cannot be used" in done.output and "without --port" in done.output


def test_the_data_must_be_named_and_be_those_of_the_audit(audited_people: Path, invoke: Invoke) -> None:
    done = invoke("view", audited_people / "run")
    assert done.exit_code == 2 and "--data KIND:PATH" in done.output
    done = invoke("view", audited_people / "run", "--data", "emoji")
    assert done.exit_code == 2 and "not 'emoji'" in done.output


def test_a_card_that_forbids_it_is_obeyed(audited_people: Path, copy: Path, invoke: Invoke) -> None:
    (copy / "people.card.yaml").write_text("thumbnails: false\n")
    words = ["view", audited_people / "run", "--data", f"table:{copy / 'people.csv'}"]
    done = invoke(*words)
    assert done.exit_code == 2 and "does not let its images be shown" in done.output
    done = invoke(*words, "--fiftyone", copy / "set")
    assert done.exit_code == 2 and not (copy / "set").exists()


def test_predictions_have_no_images_to_show(audited_people: Path, tmp_path: Path, invoke: Invoke) -> None:
    scores = np.linspace(0, 1, 4)
    table = {"image": list("abcd"), "colour": ["red", "green"] * 2, "score_red": scores,
             "score_green": 1 - scores}  # fmt: skip
    pd.DataFrame(table).to_csv(tmp_path / "people.csv", index=False)
    done = invoke("view", audited_people / "run", "--data", f"predictions:{tmp_path / 'people.csv'}")
    assert done.exit_code == 2
    assert "embeddings or predictions: there are no images" in done.output


def test_rows_are_found_by_the_digest_of_their_image(audited_people: Path) -> None:
    rows = _rows(load_dataset(f"table:{audited_people / 'people.csv'}"))
    assert list(rows.values()) == list(range(48))
    known = AuditResult.read(audited_people / "run").outcomes
    assert known is not None
    assert set(known["image"]) < set(rows)
    assert rows[digests(["17.png"])[0]] == 17


def test_the_export_for_fiftyone_names_every_image_with_its_outcomes(
    audited_people: Path, tmp_path: Path, invoke: Invoke
) -> None:
    words = ["view", audited_people / "run", "--data", f"table:{audited_people / 'people.csv'}"]
    done = invoke(*words, "--fiftyone", tmp_path / "set")
    assert done.exit_code == 0, done.output
    samples: list[dict[str, Any]] = json.loads((tmp_path / "set" / "samples.json").read_text())["samples"]
    assert len(samples) == 32  # of 48: the 16 blue ones have no class in one of the designs
    assert done.output.strip() == f"32 samples: {tmp_path / 'set'}"
    assert all(Path(one["filepath"]).is_file() for one in samples)
    assert {one["gender"]["label"] for one in samples} == {"man", "woman"}
    result = AuditResult.read(audited_people / "run")
    happened = [one for one in samples if one.get("colour_harm", {}).get("label") == "happened"]
    assert len(happened) == len(chosen_images(result, Choice(probe="colour", outcome="harm")))


def test_images_that_are_not_single_files_are_not_exported(audited_people: Path, tmp_path: Path) -> None:
    result = AuditResult.read(audited_people / "run")
    packed: Any = SimpleNamespace()  # a data set without `path_of`, as the drawings in an archive
    with pytest.raises(UserError, match="not single files"):
        _export(result, packed, {"a": 0}, tmp_path / "set")
    assert not (tmp_path / "set").exists()
