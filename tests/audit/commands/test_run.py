"""`clip-audit run` from end to end, and what it does about input that cannot be used."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from torch import Tensor

from audit import AuditResult
from audit.second_process import VARIABLE
from clipmodel.loading import LoadedModel
from tests.audit.commands.conftest import SUITE, Invoke

EMOJI_SUITE = """\
suite: emoji-small
title: Tones
data: emoji
probes:
  - name: gender
    where: {category: person, gender: [man, woman], split: [validation, held_out_family]}
    truth: gender
    label_set: emoji_gender
    groups: [[skin_tone], [gender], [skin_tone, gender]]
    outcomes: [misclassified]
"""


def test_a_run_leaves_audit_tables_report_and_summary(
    invoke: Invoke, workplace: Path, small_model: Path
) -> None:
    result = invoke("run", "small.yaml", "--model", small_model, "--out", "out", "--images")
    assert result.exit_code == 0
    audit = AuditResult.read("out")
    overall = audit.accuracy.query("tone == '(all)' and gender == '(all)'").iloc[0]
    assert overall["n"] == 48
    # The terminal says what the table says: accuracy, and its interval.
    expected = f"{100 * overall['rate']:.1f}\N{NO-BREAK SPACE}%"
    line = next(line for line in result.stdout.splitlines() if line.startswith("Colour  "))
    assert expected in line
    assert f"{100 * overall['low']:.1f} to {100 * overall['high']:.1f}" in line
    assert "Verdict: NO GATE" in result.stdout
    assert result.stdout.splitlines()[-2:] == ["Report: out/report.html", "Tables: clip-audit show out"]
    assert (workplace / "out/report.html").read_text(encoding="utf-8").startswith("<!")
    assert audit.images is not None
    assert len(audit.images) == 48
    for table in ("accuracy", "rates", "gaps", "findings", "excluded", "counts", "images"):
        assert (workplace / f"out/{table}.csv").is_file()
        assert (workplace / f"out/{table}.parquet").is_file()


def test_what_differs_between_runs_is_in_run_json_only(
    invoke: Invoke, workplace: Path, small_model: Path
) -> None:
    for out in ("first", "second"):
        # The second run finds its embeddings in the store; a third below makes them again.
        assert invoke("run", "small.yaml", "--model", small_model, "--out", out).exit_code == 0
    assert (
        invoke("run", "small.yaml", "--model", small_model, "--cache", "other", "--out", "third").exit_code
        == 0
    )
    first = (workplace / "first/audit.json").read_bytes()
    assert (workplace / "second/audit.json").read_bytes() == first
    assert (workplace / "third/audit.json").read_bytes() == first
    run = json.loads((workplace / "second/run.json").read_text(encoding="utf-8"))
    command = f"clip-audit run small.yaml --model {small_model.name} --data table:people.csv --out second"
    assert run["command"] == command
    assert set(run) == {"command", "started", "seconds", "machine", "out"}


NOT_NEEDED = (
    "torch", "PIL", "matplotlib", "scipy.stats", "rich.progress", "probes.datasets.published",
    "probes.datasets.formats.hugging_face", "probes.mitigation", "clipmodel.evaluation",
    "audit.commands.train", "audit.commands.compare",
)  # fmt: skip
CONCLUDING = ("scipy", "jinja2", "audit.tables", "audit.statistics", "audit.report", "audit.figures")


def test_an_audit_of_stored_embeddings_imports_only_what_it_needs(workplace: Path, small_model: Path) -> None:
    """And what concludes is imported by the process that does it, with the same files and the same output."""
    code = (
        "import sys; from audit.cli import app; app(sys.argv[1:], standalone_mode=False); print(*sys.modules)"
    )
    command = [sys.executable, "-c", code, "run", "small.yaml", "--model", str(small_model), "--out", "out"]
    root, runs, files = str(Path(__file__).parents[3]), [], []
    for processes in ("1", "1", ""):
        runs.append(
            subprocess.run(
                command, cwd=workplace, capture_output=True, text=True, check=True,
                env=os.environ | {"CLIP_AUDIT_CACHE": "cache", "PYTHONPATH": root, VARIABLE: processes},
            )
        )  # fmt: skip
        files.append([(workplace / "out" / name).read_bytes() for name in ("audit.json", "gaps.csv")])
    printed = [run.stdout.splitlines() for run in runs]
    loaded = [lines.pop().split() for lines in printed]
    assert "torch" in loaded[0]  # which embeds; the other two find what it stored
    assert [name for one in loaded[1:] for name in one if name.startswith(NOT_NEEDED)] == []
    assert any(name.startswith(CONCLUDING) for name in loaded[1])
    alone = sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1
    assert any(name.startswith(CONCLUDING) for name in loaded[2]) == alone
    assert printed[0] == printed[1] == printed[2]
    assert printed[2][-2:] == ["Report: out/report.html", "Tables: clip-audit show out"]
    assert runs[1].stderr == runs[2].stderr
    assert files[0] == files[1] == files[2]


def test_an_earlier_audit_in_the_default_folder_is_replaced(
    invoke: Invoke, workplace: Path, small_model: Path
) -> None:
    assert invoke("run", "small.yaml", "--model", small_model, "--images").exit_code == 0
    assert (workplace / "runs/small/images.parquet").is_file()
    assert invoke("run", "small.yaml", "--model", small_model).exit_code == 0
    # Not asked for this time, so the table of the earlier run must not stay.
    assert not (workplace / "runs/small/images.parquet").exists()


def test_unreadable_images_are_counted_by_group_and_shown(
    invoke: Invoke, workplace: Path, small_model: Path
) -> None:
    # Images 0 and 12 show (light, woman), image 3 (dark, woman): see write_people.
    (workplace / "0.png").write_bytes(b"no image")
    (workplace / "12.png").write_bytes((workplace / "12.png").read_bytes()[:60])
    (workplace / "3.png").unlink()
    result = invoke("run", "small.yaml", "--model", small_model, "--out", "out")
    assert result.exit_code == 0
    audit = AuditResult.read("out")
    assert (audit.manifest["data"]["n_images"], audit.manifest["data"]["n_unreadable"]) == (45, 3)
    lost = audit.excluded.set_index(["reason", "tone", "gender"])["n"].to_dict()
    assert lost == {
        ("unreadable image: the image cannot be decoded", "light", "woman"): 2,
        ("unreadable image: there is no such file", "dark", "woman"): 1,
    }
    left_out = result.stdout[result.stdout.index("Left out") :]
    assert "the image cannot be decoded 2" in left_out
    assert "there is no such file 1" in left_out


BAD_INPUT = {
    "misspelt key": (
        SUITE.replace("groups:", "gruops:"),
        [],
        ["small.yaml, line 10", "gruops", "did you mean 'groups'?"],
    ),
    "unknown model": (SUITE, ["--model", "tyni"], ["unknown model 'tyni'", "tiny"]),
    "unknown data set": (SUITE, ["--data", "emojy"], ["unknown data set 'emojy'", "did you mean 'emoji'?"]),
    "missing table": (SUITE, ["--data", "table:nobody.csv"], ["nobody.csv"]),
    "unknown attribute": (SUITE.replace("[gender]", "[gendre]"), [], ["'gendre'", "did you mean 'gender'?"]),
    "empty group": (
        SUITE.replace("groups: [[tone]", "references: {tone: medium}\n    groups: [[tone]"),
        [],
        ["medium", "has no image"],
    ),
    "no image selected": (
        SUITE.replace("truth: colour", "where: {colour: red, tone: [light]}\n    truth: gender"),
        [],
        ["gender"],
    ),
    "unknown device": (SUITE, ["--device", "abacus"], ["'abacus' cannot be used", "--device cpu"]),
}


@pytest.mark.parametrize(("suite", "options", "said"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_ends_in_a_message(
    invoke: Invoke, workplace: Path, small_model: Path, suite: str, options: list[str], said: list[str]
) -> None:
    (workplace / "small.yaml").write_text(suite, encoding="utf-8")
    model = [] if "--model" in options else ["--model", small_model]
    result = invoke("run", "small.yaml", *model, *options, "--out", "out")
    assert result.exit_code == 2
    assert result.stdout == ""
    error, remedy = result.stderr.strip().splitlines()
    assert error.startswith("Error: ")
    assert remedy.startswith("Remedy: ")
    for words in said:
        assert words in result.stderr
    assert not (workplace / "out").exists()


def test_an_unknown_suite_is_named_with_the_right_one(invoke: Invoke, workplace: Path) -> None:
    result = invoke("run", "quickstat")
    assert result.exit_code == 2
    assert "did you mean 'quickstart'?" in result.stderr
    assert not (workplace / "runs").exists()


@pytest.mark.parametrize("out", ["file", "file/below", "foreign", "/proc/nowhere"])
def test_an_output_folder_is_refused_before_any_work(
    invoke: Invoke, workplace: Path, small_model: Path, out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "file").write_text("kept", encoding="utf-8")
    (workplace / "foreign").mkdir()
    (workplace / "foreign/thesis.tex").write_text("kept", encoding="utf-8")

    def work(*_: object) -> None:
        raise AssertionError("work was started")

    monkeypatch.setattr(LoadedModel, "encode_image", work)
    result = invoke("run", "small.yaml", "--model", small_model, "--out", out)
    assert result.exit_code == 2
    assert out in result.stderr
    assert "choose" in result.stderr
    assert (workplace / "file").read_text(encoding="utf-8") == "kept"
    assert [path.name for path in (workplace / "foreign").iterdir()] == ["thesis.tex"]


def test_an_interrupted_run_goes_on(
    invoke: Invoke, workplace: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "emoji.yaml").write_text(EMOJI_SUITE, encoding="utf-8")
    command = ["run", "emoji.yaml", "--model", small_model, "--out"]
    embedded: list[int] = []
    stop_after = [18]  # batches: a shard of 16 is stored then, the next one is not
    encode = LoadedModel.encode_image

    def counted(model: LoadedModel, pixels: Tensor) -> Tensor:
        if len(embedded) in stop_after:
            raise KeyboardInterrupt
        embedded.append(len(pixels))
        return encode(model, pixels)

    monkeypatch.setattr(LoadedModel, "encode_image", counted)
    result = invoke(*command, "out")
    assert result.exit_code == 130, result.output
    message = "interrupted; the embeddings computed so far are kept; run the same command to resume"
    assert result.stderr.strip() == message
    assert not (workplace / "out").exists()

    stop_after.clear()
    embedded.clear()
    assert invoke(*command, "out").exit_code == 0
    embedded_later = sum(embedded)
    embedded.clear()
    assert invoke(*command, "whole", "--cache", "new").exit_code == 0
    assert embedded_later == sum(embedded) - 16 * 64
    assert (workplace / "whole/audit.json").read_bytes() == (workplace / "out/audit.json").read_bytes()


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_leaves_nothing_half_written(workplace: Path, small_model: Path) -> None:
    (workplace / "emoji.yaml").write_text(EMOJI_SUITE, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "audit.cli",
        "run",
        "emoji.yaml",
        "--model",
        str(small_model),
        "--out",
        "out",
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        # A test run started in the background ignores the signal, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not list((workplace / "cache").rglob("*.arrow")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.strip().startswith("interrupted; the embeddings computed so far are kept")
    assert sorted(
        path.name for path in workplace.iterdir() if path.suffix not in (".png", ".csv", ".yaml")
    ) == ["cache"]
