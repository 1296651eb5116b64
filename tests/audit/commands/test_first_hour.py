"""The first hour of three users, played from the shell: each step here once failed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

import audit
from audit.cli import app
from audit.result import AuditResult
from probes.suite.suite import load_suite
from tests.audit.commands.conftest import Invoke, write_people
from tests.audit.commands.test_data import RECIPE, write_squares
from tests.clipmodel.training.support.made_shards import jpeg

REPOSITORY = Path(audit.__file__).parents[1]


@pytest.fixture
def labelled(workplace: Path) -> Path:
    """A table whose values are Male and Female, as in many data sets."""
    table = pd.read_csv(write_people(workplace))
    table["gender"] = table["gender"].map({"man": "Male", "woman": "Female"})
    table.to_csv("faces.csv", index=False)
    return workplace


# A suite of one's own


def test_the_defaults_make_a_suite_that_runs(invoke: Invoke, labelled: Path, small_model: Path) -> None:
    made = invoke("probe", "new", "mine.yaml", "--data", "table:faces.csv", "--defaults")
    assert made.exit_code == 0, made.output
    done = invoke("run", "mine.yaml", "--model", small_model)
    assert done.exit_code == 0, done.output
    # The classes are the values of the data's own column, and the folder is called after the suite.
    classes = AuditResult.read("runs/mine").manifest["probes"][0]["classes"]
    assert {one["name"] for one in classes} == {"Female", "Male"}


def test_enter_at_every_question_makes_one_too(invoke: Invoke, labelled: Path) -> None:
    made = invoke("probe", "new", "mine.yaml", "--data", "table:faces.csv", input="\n" * 12)
    assert made.exit_code == 0, made.output
    assert invoke("probe", "check", "mine.yaml").exit_code == 0


def test_man_is_asked_of_data_that_say_male(invoke: Invoke, labelled: Path) -> None:
    options = ("--data", "table:faces.csv", "--truth", "gender", "--defaults")
    made = invoke("probe", "new", "mine.yaml", *options, "--classes", "man=Male, woman=Female")
    assert made.exit_code == 0, made.output
    classes = load_suite("mine.yaml").label_set("own").classes
    assert {one.name: one.is_ for one in classes} == {
        "man": {"gender": "Male"},
        "woman": {"gender": "Female"},
    }
    assert invoke("probe", "check", "mine.yaml").exit_code == 0


def test_the_classes_may_be_a_column_of_the_data(invoke: Invoke, labelled: Path) -> None:
    options = ("--data", "table:faces.csv", "--truth", "colour", "--classes", "colour", "--defaults")
    assert invoke("probe", "new", "mine.yaml", *options).exit_code == 0
    assert {one.name for one in load_suite("mine.yaml").label_set("own").classes} == {"red", "green", "blue"}


def test_answers_are_never_lost(invoke: Invoke, labelled: Path) -> None:
    options = ("--data", "table:faces.csv", "--truth", "gender", "--classes", "man, woman", "--defaults")
    made = invoke("probe", "new", "mine.yaml", *options)
    told = " ".join(made.output.split())
    assert made.exit_code == 2
    assert "mine.yaml was written with your answers" in told
    assert 'such as {"name": "female", "is": {"gender": "Female"}} in the place of a word' in told
    assert 'or delete the file and answer --classes "female=Female, male=Male"' in told
    assert "then: clip-audit probe check mine.yaml" in told
    # What is to be edited is there, with the line that the message names.
    line = int(told.partition("mine.yaml, line ")[2].partition(":")[0])
    assert "truth" in Path("mine.yaml").read_text().splitlines()[line - 1]


# A table of one's own


def test_a_bare_path_is_understood(invoke: Invoke, labelled: Path) -> None:
    (labelled / "answers.csv").write_text("id,y_true,y_pred\n1,a,b\n")
    for words, meant in (("faces.csv", "table"), ("answers.csv", "predictions"), (".", "folder")):
        done = invoke("data", "check", words)
        assert done.exit_code == 2
        assert f"did you mean {meant}:{words}?" in done.output


def test_odd_values_are_shown_with_a_mapping_to_paste(invoke: Invoke, labelled: Path) -> None:
    table = pd.read_csv("faces.csv")
    table.loc[:3, "gender"] = ["femal", "F", "N/A", "unknown"]
    table.to_csv("faces.csv", index=False)
    done = invoke("data", "check", "table:faces.csv", "--no-images")
    assert done.exit_code == 0, done.output
    pasted = "values:" + done.stdout.partition("\nvalues:")[2].partition("\n\n")[0]
    assert yaml.safe_load(pasted)["values"]["gender"] == {
        "femal": "Female", "F": "Female", "N/A": None, "unknown": None
    }  # fmt: skip
    Path("faces.card.yaml").write_text(pasted)
    assert "Odd values" not in invoke("data", "check", "table:faces.csv", "--no-images").stdout


def test_a_link_is_called_a_link_and_the_remedy_works(invoke: Invoke, labelled: Path) -> None:
    (labelled / "elsewhere").mkdir()
    home = labelled / "home"
    home.mkdir()
    (labelled / "0.png").rename(labelled / "elsewhere" / "0.png")
    (home / "0.png").symlink_to(labelled / "elsewhere" / "0.png")
    (labelled / "1.png").rename(home / "1.png")
    (home / "two.csv").write_text("path,gender\n0.png,Male\n1.png,Female\n")
    done = invoke("data", "check", "table:home/two.csv")
    told = done.stderr.replace("\n", "")
    assert done.exit_code == 2
    assert "line 2: '0.png' is a link that leads outside the folder of the data" in told
    (home / "two.card.yaml").write_text(told.partition("two.card.yaml:  ")[2])
    assert invoke("data", "check", "table:home/two.csv").exit_code == 0


def test_y_true_and_y_pred_are_understood(invoke: Invoke, workplace: Path) -> None:
    rows = [f"{i},{'ab'[i % 2]},{'ab'[i % 3 % 2]},{['Male', 'Female'][i // 12]}" for i in range(24)]
    (workplace / "answers.csv").write_text("\n".join(["id,y_true,y_pred,gender", *rows]))
    options = ("--data", "predictions:answers.csv", "--defaults")
    assert invoke("probe", "new", "mine.yaml", *options).exit_code == 0
    assert load_suite("mine.yaml").probes[0].truth == "y_true"
    done = invoke("run", "mine.yaml", "--out", "runs/answers")
    assert done.exit_code == 0, done.output
    right = sum("ab"[i % 2] == "ab"[i % 3 % 2] for i in range(24))
    assert AuditResult.read("runs/answers").accuracy["rate"].iloc[0] == pytest.approx(right / 24)


# A model of one's own


def test_a_model_of_ones_own_ends_with_a_report(workplace: Path) -> None:
    module = (REPOSITORY / "examples" / "own_model.py").read_text(encoding="utf-8")
    (workplace / "my_module.py").write_text(module, encoding="utf-8")
    words = ["run", "small.yaml", "--model", "my_module:ColourModel", "--out", "runs/own"]
    done = subprocess.run(
        [sys.executable, "-m", "audit.cli", *words], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "model colour words" in done.stdout
    assert (workplace / "runs/own/report.html").is_file()


# A run that fails, and a release that became worse


def test_a_run_that_fails_names_the_gate_and_what_to_do(
    invoke: Invoke, workplace: Path, small_model: Path
) -> None:
    gate = "gates:\n  - {name: parity, probe: colour, metric: accuracy, margin: 0.999}\n"
    text = (workplace / "small.yaml").read_text()
    (workplace / "small.yaml").write_text(text.replace("probes:", gate + "probes:"))
    done = invoke("run", "small.yaml", "--model", small_model)
    assert done.exit_code == 0, done.output
    end = done.stdout[done.stdout.index("Verdict: FAIL") :]
    assert "parity: " in end
    assert "change the model or its data, and audit it again" in end
    assert len(done.stdout.splitlines()) <= 40  # one screen


def test_the_closing_summary_as_json(invoke: Invoke, workplace: Path, small_model: Path) -> None:
    done = invoke("run", "small.yaml", "--model", small_model, "--json")
    assert done.exit_code == 0, done.output
    summary = json.loads(done.stdout)
    assert summary["verdict"] == "NO GATE" and set(summary["accuracy"]) == {"colour"}
    assert summary["report"] == "runs/small/report.html"


# Training


def test_all_mistakes_of_a_recipe_are_told_at_once(invoke: Invoke, workplace: Path) -> None:
    recipe = yaml.safe_load((REPOSITORY / "clipmodel/training/recipes/small.yaml").read_text())
    recipe |= {"batch_sise": 8, "accumulate": 3}
    recipe["optim"] |= {"warmup_steps": -1, "weigth_decay": 0.1}
    (workplace / "r.yaml").write_text(yaml.safe_dump(recipe))
    done = invoke("train", "r.yaml")
    told = done.stderr
    assert done.exit_code == 2
    for words in ("batch_sise: unknown key (did you mean 'batch_size'?)", "optim.weigth_decay: unknown key",
                  "optim.warmup_steps"):  # fmt: skip
        assert words in told, told


def test_a_recipe_that_contradicts_itself_says_every_contradiction(invoke: Invoke, workplace: Path) -> None:
    recipe = yaml.safe_load((REPOSITORY / "clipmodel/training/recipes/small.yaml").read_text())
    recipe |= {"loss": "sigmoid", "accumulate": 3}
    recipe["optim"]["warmup_steps"] = 10**9
    (workplace / "r.yaml").write_text(yaml.safe_dump(recipe))
    told = invoke("train", "r.yaml").stderr
    assert "write logit_bias: true under model" in told
    assert "choose a multiple of accumulate" in told
    assert "a tenth: 585" in told  # of 5,859 steps


def test_recipes_are_listed_shown_and_described(invoke: Invoke, workplace: Path) -> None:
    listed = invoke("train", "list").stdout
    assert {"small", "tiny", "rn50"} <= {line.split()[0] for line in listed.splitlines() if line.strip()}
    assert "small is the template for a CSV" in listed
    shown = invoke("train", "show", "small").stdout
    assert "steps       5,859 of 512 pairs" in shown and "source: captions.csv" in shown
    assert "optim" in yaml.safe_load(invoke("train", "schema").stdout)["properties"]


def test_a_new_recipe_for_a_csv_of_ones_own(invoke: Invoke, workplace: Path) -> None:
    rows = ["image,caption", *(f"{n}.jpg,number {n}" for n in range(40))]
    for n in range(40):
        (workplace / f"{n}.jpg").write_bytes(jpeg(n))
    (workplace / "mine.csv").write_text("\n".join(rows))
    made = invoke("train", "new", "r.yaml", "--data", "mine.csv", "--epochs", "2", "--audit", "small.yaml")
    assert made.exit_code == 0, made.output
    recipe = yaml.safe_load(Path("r.yaml").read_text())
    # A batch that 40 images fill eight times and more: 4; 2 x 40 / 4 steps, a tenth of them to warm up.
    assert recipe["batch_size"] == 4 and recipe["optim"]["warmup_steps"] == 2
    assert recipe["data"]["source"] == "mine.csv" and recipe["data"]["samples"] == 40
    assert invoke("train", "show", "r.yaml").exit_code == 0
    again = invoke("train", "new", "r.yaml")
    assert again.exit_code == 2 and "already there" in again.stderr


# Everywhere


@pytest.mark.parametrize("words", [("probe", "list"), ("model", "list"), ("train", "list"), ("data", "list")])
def test_lists_fit_80_columns_where_they_are_piped(invoke: Invoke, words: tuple[str, ...]) -> None:
    done = invoke(*words)
    assert done.exit_code == 0
    tables = [
        line for line in done.stdout.splitlines() if not line.startswith(("your own", "unverified", "  p"))
    ]
    assert max(map(len, tables)) <= 80


def test_run_and_train_have_the_same_default_folder(invoke: Invoke) -> None:
    for words, name in ((("run", "-h"), "runs/SUITE"), (("train", "run", "-h"), "runs/RECIPE")):
        assert name in invoke(*words).stdout


def test_a_run_that_goes_on_says_where_and_what_was_measured(invoke: Invoke, workplace: Path) -> None:
    content = {**RECIPE, "steps": 4, "data": {**RECIPE["data"], "source": "squares.parquet"}}
    content["validation"] = {"where": {}, "every": "2 steps", "zero_shot": {"colour": ["{}"]}}
    write_squares(workplace / "squares.parquet")
    (workplace / "r.yaml").write_text(yaml.safe_dump(content))
    first = invoke("train", "r.yaml", "--steps", "2")
    assert first.exit_code == 0, first.output
    assert "resumed" not in first.stderr
    again = invoke("train", "r.yaml")
    assert again.exit_code == 0, again.output
    assert "resumed at step 2" in again.stderr
    assert "zero-shot accuracy, colour" in again.stderr
    assert Path("runs/r/model").is_dir()  # the default of --out


def test_the_shell_completes_commands() -> None:
    shown = invoke_completion()
    assert "_CLIP_AUDIT_COMPLETE" in shown


def invoke_completion() -> str:
    """The script that --show-completion prints for bash."""
    from typer.completion import get_completion_script

    assert "--show-completion" in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).stdout
    return get_completion_script(prog_name="clip-audit", complete_var="_CLIP_AUDIT_COMPLETE", shell="bash")


def test_the_result_is_completed_in_a_shell() -> None:
    assert "AuditResult" in dir(audit)
