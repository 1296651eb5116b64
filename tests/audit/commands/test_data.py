"""`clip-audit data`, `model`, `report` and `train`."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml
from PIL import Image

from clipmodel.loading import load_model
from tests.audit.commands.conftest import MODEL, Invoke

RECIPE = {
    "recipe": "squares",
    "description": "coloured squares",
    "launch": "in tests",
    "expect": "nothing",
    "steps": 6,
    "batch_size": 4,
    "save_every": 2,
    "model": MODEL,
    "tokenizer": {"vocab_size": 300, "passes": 4},
    "data": {
        "source": "squares.parquet",
        "captions": {
            "templates": [{"text": "{a} {colour} square with {a} {tone} border of the usual width"}]
        },
    },
    "optim": {"peak_learning_rate": 1e-3, "warmup_steps": 2},
}


def write_squares(path: Path) -> None:
    rows = []
    for i in range(24):
        buffer = io.BytesIO()
        Image.new("RGB", (64, 64), (10 * i, 255 - 10 * i, 80)).save(buffer, "PNG")
        tone = ["light", "dark", "medium", "transparent"][i % 4]
        rows.append(
            {"image": buffer.getvalue(), "colour": ["orange", "turquoise", "violet"][i % 3], "tone": tone}
        )
    pd.DataFrame(rows).to_parquet(path)


def test_data_list_names_the_embedded_set_and_the_kinds(invoke: Invoke) -> None:
    result = invoke("data", "list")
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert "by design" in lines["emoji"]
    assert "CC BY 4.0" in lines["fairface:PATH"]
    assert "research (unverified)" in result.stdout  # of PPB, on the second line of its cell
    assert "table:PATH" in lines
    layouts = result.stdout[result.stdout.index("What the layouts are known from") :]
    assert "  the data themselves: emoji\n" in layouts
    assert "  public code of the publisher, not a real copy: fhibe, fhibe_face\n" in layouts


def test_data_check_tells_attributes_that_go_together(invoke: Invoke, tmp_path: Path) -> None:
    """All 20 women are White, of 20 men 10: a gap by gender may be one by race."""
    people = ["woman,White"] * 20 + ["man,White"] * 10 + ["man,Black"] * 10
    lines = ["path,gender,race", *(f"{i}.jpg,{labels}" for i, labels in enumerate(people))]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    result = invoke("data", "check", f"table:{tmp_path / 't.csv'}", "--by", "gender,race", "--no-images")
    assert result.exit_code == 0, result.output
    assert "of 20 with gender woman, 100.0% have race White, of the other 20 50.0%" in result.stdout.replace(
        "\u00a0", ""
    )


def test_data_check_counts_values_missing_and_unreadable(invoke: Invoke, workplace: Path) -> None:
    table = pd.read_csv("people.csv")
    table.loc[[0, 1], "gender"] = None
    table["visible_tone"] = [i != 5 for i in range(len(table))]
    table.to_csv("people.csv", index=False)
    (workplace / "7.png").write_bytes(b"no image")
    result = invoke("data", "check", "table:people.csv")
    assert result.exit_code == 0
    attributes = result.stdout.partition("Attributes")[2].partition("\n\n")[0]
    rows = {line.split()[0]: line.split() for line in attributes.splitlines() if line.strip()}
    # 24 of each tone; image 5 is dark and does not show it. Images 0 and 1 are women without a label.
    assert rows["tone"] == ["tone", "light", "24,", "dark", "23", "0", "1"]
    assert rows["gender"] == ["gender", "man", "24,", "woman", "22", "2", "0"]
    # 8 women of each of three colours, two of them without a label; image 7, a man, cannot be read.
    crossing = result.stdout.partition("gender by colour, images")[2].splitlines()
    women = next(line.split() for line in crossing if line.startswith("woman"))
    assert sorted(women[1:]) == ["7", "7", "8"]
    assert "smallest group: gender woman" in result.stdout
    assert "unreadable images: 1 of 48" in result.stdout
    assert "1: the image cannot be decoded, first 7.png" in result.stdout


def test_data_check_shows_the_card_repairs_and_losses(invoke: Invoke, workplace: Path) -> None:
    """24 women, of whom one image is twice in the table and another one is not there."""
    table = pd.read_csv("people.csv")
    pd.concat([table, table.iloc[:1]]).to_csv("people.csv", index=False)
    (workplace / "1.png").unlink()
    card = "licence: CC0\nlabel_provenance: self-reported\nlabelled_by: the persons\n"
    (workplace / "people.card.yaml").write_text(card)
    result = invoke("data", "check", "table:people.csv", "--by", "tone,gender")
    assert "licence   CC0" in result.stdout
    assert "self-reported; by: the persons" in result.stdout
    assert "Dropped: 1 row that repeats another one in full." in result.stdout
    assert "Dropped" not in result.stderr
    assert "there is no such file       1  light 1  woman 1" in result.stdout
    assert "unreadable" not in invoke("data", "check", "table:people.csv", "--no-images").stdout


def test_repairs_are_warned_of_in_a_line_without_code(invoke: Invoke, workplace: Path) -> None:
    table = pd.read_csv("people.csv")
    pd.concat([table, table.iloc[:1]]).to_csv("people.csv", index=False)
    result = invoke("probe", "check", "small.yaml")
    assert result.exit_code == 0
    assert result.stderr == "Warning: people.csv: Dropped: 1 row that repeats another one in full.\n"


def test_data_check_by_an_unknown_attribute(invoke: Invoke, workplace: Path) -> None:
    result = invoke("data", "check", "table:people.csv", "--by", "gendre")
    assert result.exit_code == 2
    assert "did you mean 'gender'?" in result.stderr


def test_data_check_of_an_unknown_set(invoke: Invoke) -> None:
    result = invoke("data", "check", "tabel:people.csv")
    assert result.exit_code == 2
    assert "did you mean 'table'?" in result.stderr


def test_model_show_prints_sizes_and_fingerprint(invoke: Invoke, small_model: Path) -> None:
    result = invoke("model", "show", small_model)
    assert result.exit_code == 0
    loaded = load_model(small_model)
    assert loaded.fingerprint in result.stdout
    assert "8 dimensions" in result.stdout
    assert "64 px" in result.stdout
    n_text = sum(parameter.numel() for parameter in loaded.clip.text.parameters())
    assert f"{n_text:,} parameters" in result.stdout


def test_report_writes_the_page_again_without_torch(
    invoke: Invoke, workplace: Path, small_model: Path
) -> None:
    assert invoke("run", "small.yaml", "--model", small_model, "--out", "out").exit_code == 0
    page, audit = (workplace / "out/report.html").read_bytes(), (workplace / "out/audit.json").read_bytes()
    (workplace / "out/report.html").unlink()
    code = (
        "import sys; from audit.cli import app; app(['report', 'out'], standalone_mode=False); "
        "assert 'torch' not in sys.modules"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Report: out/report.html" in done.stdout
    assert (workplace / "out/report.html").read_bytes() == page
    assert (workplace / "out/audit.json").read_bytes() == audit


def test_report_of_a_folder_that_is_no_audit(invoke: Invoke, workplace: Path) -> None:
    result = invoke("report", ".")
    assert result.exit_code == 2
    assert "no audit.json" in result.stderr


def test_training_goes_on_where_the_folder_left_off(invoke: Invoke, workplace: Path) -> None:
    write_squares(workplace / "squares.parquet")
    (workplace / "squares.yaml").write_text(yaml.safe_dump(RECIPE), encoding="utf-8")
    first = invoke("train", "squares.yaml", "--out", "run", "--steps", "2")
    assert first.exit_code == 0
    assert "2 of 6 steps" in first.stdout
    second = invoke("train", "squares.yaml", "--out", "run")
    assert second.exit_code == 0
    assert "6 of 6 steps" in second.stdout
    assert "Model:  run/model" in second.stdout
    third = invoke("train", "squares.yaml", "--out", "run")
    assert "nothing to do" in third.stdout
    assert load_model("run/model").embed_dim == 8


def test_training_refuses_a_recipe_with_a_misspelt_key(invoke: Invoke, workplace: Path) -> None:
    (workplace / "squares.yaml").write_text(yaml.safe_dump({**RECIPE, "sead": 1}), encoding="utf-8")
    result = invoke("train", "squares.yaml", "--out", "run")
    assert result.exit_code == 2
    assert "did you mean 'seed'?" in result.stderr
    assert not (workplace / "run").exists()


def test_check_of_a_file_of_scores_says_what_it_holds_and_leaves_out(invoke: Invoke, workplace: Path) -> None:
    """Two images of three have both scores."""
    text = "path,gender,score_man,score_woman\na,m,.9,.1\nb,w,.2,.8\nc,w,.5,\n"
    (workplace / "scores.csv").write_text(text)
    shown = invoke("data", "check", "predictions:scores.csv").stdout
    assert "note      The scores of an image add up to 1" in shown
    lost = next(line for line in shown.splitlines() if line.startswith("no score for some class"))
    assert lost.split()[-3:] == ["1", "w", "1"]
    assert "embeddings: 2 of 2 dimensions; texts: 2" in shown
    assert "unreadable" not in shown
