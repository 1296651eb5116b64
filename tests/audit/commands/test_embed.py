"""`clip-audit embed` and `run --data embeddings:DIR`: the audit of the images themselves, to the byte."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import Result

from audit.commands import embed
from audit.result import AuditResult
from clipmodel.errors import UserError
from probes.embeddings import parts
from probes.embeddings.folder import FolderDataset, read_job
from probes.embeddings.part_rows import PartRows

Invoke = Callable[..., Result]
PARTS = ["--part-images", 64]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_audit_of_the_folder_is_the_audit_of_the_images(
    many: Path, small_model: Path, invoke: Invoke
) -> None:
    told = invoke("embed", "table:people.csv", "--model", small_model, "--out", "e", *PARTS).output
    assert "297 of 300 images embedded in 5 parts: e" in told
    assert invoke("run", "small.yaml", "--data", "embeddings:e", "--out", "from-folder").exit_code == 0
    invoke("run", "small.yaml", "--data", "table:people.csv", "--model", small_model, "--out", "from-images")
    for name in ("audit.json", "counts.parquet", "clusters.parquet", "outcomes.parquet", "excluded.parquet"):
        assert (many / "from-folder" / name).read_bytes() == (many / "from-images" / name).read_bytes(), name
    assert (AuditResult.read("from-folder").excluded["n"] > 0).any()


def test_unreadable_images_are_counted_by_group(many: Path, small_model: Path, invoke: Invoke) -> None:
    """Rows 3 and 4 have no file, row 130 is no image; their colours are red, green and green."""
    invoke("embed", "table:people.csv", "--model", small_model, "--out", "e", *PARTS)
    lost = parts.lost_by_group(many / "e", read_job(many / "e"))
    colours = lost[lost["attribute"] == "colour"][["reason", "value", "n"]].to_numpy().tolist()
    no_file, no_image = "there is no such file", "the image cannot be decoded"
    assert colours == [[no_file, "red", 1], [no_file, "green", 1], [no_image, "green", 1]]
    total = lost[lost["attribute"] == "(all)"].set_index("reason")["n"].to_dict()
    assert total == {no_file: 2, no_image: 1}


def test_annotations_come_back_as_they_were(many: Path, small_model: Path, invoke: Invoke) -> None:
    from probes.datasets import load_dataset

    invoke("embed", "table:people.csv", "--model", small_model, "--out", "e", *PARTS)
    images, folder = load_dataset("table:people.csv"), load_dataset("embeddings:e")
    assert isinstance(folder, FolderDataset)
    assert (len(folder), folder.sha256, folder.card) == (300, images.sha256, images.card)
    for name in images.attributes:
        assert folder.frame[name].tolist() == images.frame[name].tolist()
        assert folder.levels(name) == images.levels(name)
    assert folder.clusters.tolist() == images.clusters.tolist()
    codes = folder.combinations
    again = codes.frame.iloc[codes.code].reset_index(drop=True)
    assert again["tone"].tolist() == images.frame["tone"].tolist()
    assert codes.n.sum() == 300


def test_a_run_that_is_cut_off_resumes_with_the_same_bytes(
    many: Path, small_model: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("embed", "table:people.csv", "--model", small_model, *PARTS)
    invoke(*words, "--out", "whole")
    made: list[int] = []
    make = parts.make_part

    def interrupted(*args: object, **kwargs: object) -> object:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(1)
        return make(*args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr("probes.embeddings.engines.make_part", interrupted)
        assert invoke(*words, "--out", "e").exit_code == 130
    refused = invoke("run", "small.yaml", "--data", "embeddings:e", "--out", "r")
    assert (refused.exit_code, "2 of 5 parts are finished" in refused.stderr) == (2, True)
    # A part that was damaged in the meantime is made again; a sound one is not.
    damaged = bytearray((many / "e" / "part-000001.arrow").read_bytes())
    damaged[-40] ^= 1
    (many / "e" / "part-000001.arrow").write_bytes(damaged)
    before = (many / "e" / "part-000000.arrow").stat().st_mtime_ns
    assert invoke(*words, "--out", "e").exit_code == 0
    assert (many / "e" / "part-000000.arrow").stat().st_mtime_ns == before
    assert bytes_of(many / "e") == bytes_of(many / "whole")


def test_a_damaged_part_stops_the_audit_and_is_named(many: Path, small_model: Path, invoke: Invoke) -> None:
    invoke("embed", "table:people.csv", "--model", small_model, "--out", "e", *PARTS)
    part = many / "e" / "part-000002.arrow"
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    refused = invoke("run", "small.yaml", "--data", "embeddings:e", "--out", "r")
    assert refused.exit_code == 2
    assert "part-000002.arrow: damaged" in refused.stderr.replace("\n", "")


def test_another_job_in_the_same_folder_is_refused(many: Path, small_model: Path, invoke: Invoke) -> None:
    words = ["embed", "table:people.csv", "--out", "e", *PARTS]
    invoke(*words, "--model", small_model)
    before = bytes_of(many / "e")
    for other in (["--model", "tiny"], ["--model", small_model, "--store", "float16"]):
        assert invoke(*words, *other).exit_code == 2
    assert (
        invoke("run", "small.yaml", "--data", "embeddings:e", "--model", "tiny", "--out", "r").exit_code == 2
    )
    table = pd.read_csv(many / "people.csv")
    table.assign(tone="light").to_csv(many / "people.csv", index=False)
    refused = invoke(*words, "--model", small_model)
    assert "other data" in refused.stderr
    assert bytes_of(many / "e") == before


def test_a_folder_with_other_files_is_refused(many: Path, small_model: Path, invoke: Invoke) -> None:
    (many / "e").mkdir()
    (many / "e" / "thesis.txt").write_text("years of work")
    assert invoke("embed", "table:people.csv", "--model", small_model, "--out", "e").exit_code == 2
    assert invoke("embed", "embeddings:e", "--model", small_model, "--out", "f").exit_code == 2


def test_a_disk_that_went_away_is_no_loss_of_images(many: Path, small_model: Path, invoke: Invoke) -> None:
    """All files of rows 100 to 299 vanish: 64 in a row and more are not counted as unreadable."""
    for i in range(100, 300):
        (many / f"p{i}.png").unlink(missing_ok=True)
    words = ("embed", "table:people.csv", "--model", small_model, "--out", "e", *PARTS)
    refused = invoke(*words)
    assert (refused.exit_code, "still mounted" in refused.stderr) == (2, True)
    assert (many / "e" / "part-000001.json").exists()  # 28 missing at its end: rows 100 to 127
    assert not (many / "e" / "part-000002.json").exists()
    allowed = invoke(*words, "--allow-missing")
    assert "98 of 300 images embedded" in allowed.output  # rows 0 to 99 but 3 and 4


def test_a_full_disk_ends_with_the_finished_parts(
    many: Path, small_model: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("embed", "table:people.csv", "--model", small_model, "--out", "e", *PARTS)
    write = parts.write_bytes

    def full(path: Path, data: bytes, *, mode: int) -> None:
        if path.name == "part-000003.arrow":
            raise OSError(28, "No space left on device")
        write(path, data, mode=mode)

    with monkeypatch.context() as patched:
        patched.setattr(parts, "write_bytes", full)
        refused = invoke(*words)
    assert (refused.exit_code, "No space left" in refused.stderr) == (2, True)
    assert len(list((many / "e").glob("part-*.json"))) == 3
    assert invoke(*words).exit_code == 0
    assert invoke("run", "small.yaml", "--data", "embeddings:e", "--out", "r").exit_code == 0


def test_embeddings_of_16_bits_are_half_as_large_and_say_so(
    many: Path, small_model: Path, invoke: Invoke
) -> None:
    for name, more in (("wide", []), ("half", ["--store", "float16"])):
        invoke("embed", "table:people.csv", "--model", small_model, "--out", name, *PARTS, *more)
    wide, half = (FolderDataset(many / name) for name in ("wide", "half"))
    rows = np.arange(50, 120)
    a, b = (each.embedded(rows).embeddings for each in (wide, half))
    assert a.dtype == b.dtype == np.float32
    assert 0 < np.abs(a - b).max() < 5e-4
    assert any("16 bits" in note for note in half.card.notes)


def test_forgetting_an_image_of_a_folder(many: Path, small_model: Path, invoke: Invoke) -> None:
    """Its embedding, its hash and its labels go; it counts as unreadable; the folder can still be audited."""
    invoke("embed", "table:people.csv", "--model", small_model, "--out", "e", *PARTS)
    vectors = FolderDataset(many / "e").embedded(np.array([70])).vectors
    assert isinstance(vectors, PartRows)
    (key,) = (block.tobytes() for block in vectors.content_keys())
    told = invoke("data", "forget", "embeddings:e", "--image", "p70.png")
    assert told.output == "1 image forgotten in embeddings:e\n"
    after = FolderDataset(many / "e")
    assert after.unreadable[70] == "withdrawn"
    assert after.frame.iloc[70].isna().sum() == len(after.frame.columns) - 1
    left = bytes_of(many / "e")
    assert [name for name, data in left.items() if key in data] == []
    assert [name for name, data in left.items() if b"p70.png" in data] == []
    assert invoke("run", "small.yaml", "--data", "embeddings:e", "--out", "r").exit_code == 0
    assert invoke("data", "forget", "embeddings:e", "--image", "p70.png").exit_code == 2


def children(number: int) -> Iterator[int]:
    """Processes that a process started, and those that they started."""
    with suppress(OSError):
        for child in Path(f"/proc/{number}/task/{number}/children").read_text().split():
            yield int(child)
            yield from children(int(child))


def command_line(number: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _embed(words: list[str]) -> None:
    from audit.cli import app

    app(words)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["torchrun", "ray"])
def test_two_workers_one_of_them_killed_write_the_same_bytes(
    many: Path, small_model: Path, invoke: Invoke, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    if engine == "ray":
        pytest.importorskip("ray")
    words = ["embed", "table:people.csv", "--model", str(small_model), "--part-images", "64"]
    invoke(*words, "--out", "local")
    mark = {"ray": "ray::MapWorker", "torchrun": "audit.cli embed"}[engine]
    process = multiprocessing.get_context("spawn").Process(
        target=_embed, args=([*words, "--out", "e", "--engine", engine, "--workers", "2"],)
    )
    process.start()
    assert process.pid is not None
    victim, deadline = None, time.monotonic() + 240
    while process.is_alive() and victim is None and time.monotonic() < deadline:
        at_work = any((many / "e").glob("part-*.json")) if (many / "e").is_dir() else False
        lines = {number: command_line(number) for number in children(process.pid)}
        found = [number for number, line in lines.items() if mark in line and "distributed" not in line]
        if found and at_work:
            victim = found[0]
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        time.sleep(0.01)
    process.join(300)
    assert process.exitcode == 0
    assert bytes_of(many / "e") == bytes_of(many / "local")


@pytest.mark.slow
def test_tasks_of_ray_count_what_one_process_counts(
    many: Path, small_model: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    invoke("embed", "table:people.csv", "--model", small_model, "--out", "e", *PARTS)
    words = ["run", "small.yaml", "--data", "embeddings:e", "--out"]
    assert invoke(*words, "plain").exit_code == 0
    assert invoke(*words, "tasks", "--engine", "ray", "--workers", 2).exit_code == 0
    audits = [bytes_of(many / name) for name in ("plain", "tasks")]
    assert audits[0].keys() == audits[1].keys()
    # What differs is when, how long and by which command; the report says so too.
    differing = {name for name in audits[0] if audits[0][name] != audits[1][name]}
    assert differing <= {"run.json", "report.html"}


def test_tasks_of_ray_refuse_a_device_before_anything_is_read(many: Path, invoke: Invoke) -> None:
    told = invoke("run", "small.yaml", "--engine", "ray", "--device", "cuda", "--out", "never")
    assert told.exit_code == 2 and "leave --device cuda out" in told.output
    assert not (many / "never").exists()


def test_ray_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, many: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    from probes.embeddings.engines import Workplace, run_ray

    place = Workplace(folder=many, job=None, open=lambda: None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="needs Ray"):
        run_ray(place, [0], workers=1)


def test_engines_are_those_that_are_documented() -> None:
    assert [engine.value for engine in embed.Engine] == ["local", "ray", "torchrun"]
