"""Write the registry of evaluation sets (clipmodel/evaluation/registry/data) from the published class names.

Sources, all under the MIT licence: class names and templates of CLIP_benchmark (the folder of the installed
package), OpenAI's data/prompts.md for the sets of the paper that it lacks, the testbed's accuracies of
standard models, and the class maps of ImageNet-A, -R and ObjectNet as wise-ft has them.

    python -m scripts.build_evaluation_registry --clip-benchmark build/peers/clip_benchmark \
        --prompts prompts.md --testbed FOLDER --wise-ft FOLDER --subsets imagenet_subsets.json
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import re
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).with_name("evaluation_sets.yaml")
DATA = Path(__file__).resolve().parents[1] / "clipmodel" / "evaluation" / "registry" / "data"
FROM_CLIP_BENCHMARK = "LAION-AI/CLIP_benchmark 1.6.2 (MIT)"
FROM_OPENAI = "openai/CLIP, data/prompts.md (MIT, Copyright (c) 2021 OpenAI)"
COLUMNS = {
    "val": "imagenet1k",
    "val-on-imagenet-a-classes": "imagenet1k-a",
    "val-on-imagenet-r-classes": "imagenet1k-r",
    "val-on-objectnet-classes": "imagenet1k-objectnet",
    "imagenetv2-matched-frequency": "imagenetv2",
    "imagenetv2-matched-frequency-format-val": "imagenetv2-format-val",
    "imagenet-sketch": "imagenet_sketch",
    "imagenet-r": "imagenet-r",
    "objectnet-1.0-beta": "objectnet",
    "imagenet-a": "imagenet-a",
}
STANDARD = re.compile(r"'([^']+)': ModelTypes\.(\w+)")


def read_prompts(path: Path) -> dict[str, dict[str, list[Any]]]:
    """Section -> classes and templates of OpenAI's prompts.md; the lists are parsed, never run."""
    found = {}
    for section in re.split(r"\n## ", path.read_text(encoding="utf-8"))[1:]:
        if code := re.search(r"```bash\n(.*?)```", section, re.DOTALL):
            body = ast.parse(code[1]).body
            values = {node.targets[0].id: ast.literal_eval(node.value) for node in body}  # type: ignore[attr-defined]
            found[section.split("\n")[0].strip()] = values
    return found


def set_entry(
    name: str, plan: dict[str, Any], benchmark: dict[str, Any], prompts: dict[str, Any]
) -> dict[str, Any]:
    """One YAML: what the table says, with class names and templates filled in."""
    entry = {"name": name, **{k: v for k, v in plan.items() if k not in ("classes", "templates", "prompts")}}
    section = prompts.get(plan.get("prompts", ""), {})
    classes = benchmark["classes"].get(plan.get("classes", ""))
    templates = benchmark["templates"].get(plan.get("templates", plan.get("classes", "")))
    sources = {FROM_CLIP_BENCHMARK} if classes or templates else set()
    if classes is None and (classes := section.get("classes")):
        sources.add(FROM_OPENAI)
    if templates is None and (templates := section.get("templates")):
        sources.add(FROM_OPENAI)
    if classes:
        entry["classes"] = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in classes]
    if templates:
        entry["templates"] = [text.replace("{c}", "{}") for text in templates]
    if sources:
        entry["names_from"] = "; ".join(sorted(sources))
    return entry


def objectnet_map(folder: Path) -> dict[str, list[int]]:
    """ObjectNet's class names, lower-cased and sorted -> zero-based ImageNet classes."""
    positions = {
        i: int(k) for k, i in json.loads((folder / "pytorch_to_imagenet_2012_id.json").read_text()).items()
    }
    labels = (folder / "imagenet_to_label_2012_v2").read_text().splitlines()
    at = {label.strip(): positions[i] for i, label in enumerate(labels)}
    mapped = json.loads((folder / "objectnet_to_imagenet_1k.json").read_text())
    return {name: sorted(at[part] for part in joined.split("; ")) for name, joined in sorted(mapped.items())}


def standard_models(folder: Path) -> list[dict[str, Any]]:
    """The testbed's standard models with their accuracies, as fractions."""
    types = dict(STANDARD.findall((folder / "model_types.py").read_text()))
    found = []
    with (folder / "robustness_top1s.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if types.get(row["model"]) == "STANDARD":
                values = {new: round(float(row[old]) / 100, 6) for old, new in COLUMNS.items() if row[old]}
                found.append({"model": row["model"], **values})
    return found


def write(path: Path, value: Any, comment: str) -> None:
    """A YAML file that says where it came from."""
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)
    path.write_text(f"# {comment}\n{text}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("clip-benchmark", "prompts", "testbed", "wise-ft", "subsets"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    folder = given.clip_benchmark / "datasets"
    benchmark = {
        "classes": json.loads((folder / "en_classnames.json").read_text()),
        "templates": json.loads((folder / "en_zeroshot_classification_templates.json").read_text()),
    }
    prompts = read_prompts(given.prompts)
    made = "written by scripts/build_evaluation_registry.py"
    for name, plan in yaml.safe_load(TABLE.read_text(encoding="utf-8")).items():
        write(DATA / "sets" / f"{name}.yaml", set_entry(name, plan, benchmark, prompts), made)
    subsets = json.loads(given.subsets.read_text())
    write(
        DATA / "imagenet_maps.yaml",
        {
            "source": "mlfoundations/wise-ft 58b7a4b (MIT): imagenet_a.py, imagenet_r.py, objectnet_metadata",
            "subsets": {name: subsets[name] for name in ("imagenet-a", "imagenet-r")},
            "objectnet": objectnet_map(given.wise_ft),
        },
        made,
    )
    write(
        DATA / "standard_models.yaml",
        {
            "source": "modestyachts/imagenet-testbed 0170eec (MIT): robustness_top1s.csv, type STANDARD",
            "models": standard_models(given.testbed),
        },
        made,
    )


if __name__ == "__main__":
    main()
