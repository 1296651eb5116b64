"""The recipe of CONTRIBUTING for a new kind of probe, followed to the letter in a copy of the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
KIND = '''
"""Preference: whether an image is more similar to one prompt than to another."""

from __future__ import annotations

from typing import Literal

import numpy as np

from probes.datasets.demographic_dataset import DemographicDataset
from probes.measures.measure_context import MeasureContext, Results
from probes.measures.measure import Measure
from probes.planning.groups import divide
from probes.suite.probe_base import ProbeBase
from probes.suite.suite_view import SuiteView


class PreferenceProbe(ProbeBase):
    """Which of two prompts an image is more similar to."""

    kind: Literal["preference"]
    first: str
    second: str


def texts(probe: PreferenceProbe, suite: SuiteView, dataset: DemographicDataset) -> list[str]:
    return [probe.first, probe.second]


def run(probe: PreferenceProbe, context: MeasureContext) -> Results:
    prompts = np.stack([context.embedded[text] for text in (probe.first, probe.second)])
    similarities = context.images.similarities(prompts)
    results = Results(probe, context)
    results.add_scalars(similarities[:, 0] > similarities[:, 1], item=probe.first)
    divided = [divide(context.dataset, context.images.rows, spec).values for spec in probe.groups]
    results.estimate_by_group("preference", "rate", divided, item=probe.first)
    return results


MEASURE = Measure(
    schema=PreferenceProbe, question="Which prompt is preferred?", meaning="The share of images that ...",
    texts=texts, run=run, units={"preference": "share"}, needs="prompts",
    template="""\\
    first: a person
    second: an animal
""",
)
'''
USE = """
import sys
from pathlib import Path

import pandas as pd

import probes
from audit.commands.new_suite.measure_text import KindAnswers, kind_suite_text
from audit.report.sections.measures import measures_of
from audit.result import AuditResult
from probes.datasets.formats.table import TableDataset
from probes.embeddings.embed import EmbeddingStore
from probes.runner import run_suite
from probes.suite.suite import Suite, suite_json_schema
from tests.probes.conftest import FakeModel, png

folder = Path(sys.argv[1])
assert str(folder) in probes.__file__, probes.__file__
colours = {"red": (200, 20, 20), "blue": (20, 20, 200)}
rows = [(f"{i}.png", "woman" if i < 6 else "man", "red" if i % 6 < 4 else "blue") for i in range(12)]
for name, _, colour in rows:
    (folder / name).write_bytes(png(colours[colour]))
pd.DataFrame(rows, columns=["path", "gender", "colour"]).to_csv(folder / "people.csv", index=False)
probe = {"name": "p", "kind": "preference", "first": "a red", "second": "a blue", "groups": [["gender"]]}
suite = Suite.model_validate({"suite": "s", "probes": [probe]})
data, store = TableDataset(folder / "people.csv"), EmbeddingStore(folder / "c")
records = run_suite(suite, FakeModel(), data, store=store)
result = AuditResult.from_records(records)
print(result.measures[["metric", "gender", "n", "value"]].to_csv(index=False))
(part,) = measures_of(result.measures, probes=result.manifest["probes"])
assert part.meaning == "The share of images that ..." and len(part.table.rows) == 3
assert "PreferenceProbe" in str(suite_json_schema())
answers = dict.fromkeys(KindAnswers.__dataclass_fields__, "")
answers |= {"kind": "preference", "words": [], "harmful": [], "truth_values": [], "same": [],
            "pair": [], "groups": [], "shipped": None, "where": "{}", "data": "emoji", "name": "n"}
assert "second: an animal" in kind_suite_text(KindAnswers(**answers))
"""


def test_a_kind_is_one_file_and_two_lines_of_the_registry(tmp_path: Path) -> None:
    package = tmp_path / "probes"
    shutil.copytree(ROOT / "probes", package, ignore=shutil.ignore_patterns("data", "__pycache__"))
    (package / "data").symlink_to(ROOT / "probes" / "data")
    # The recipe: a file, an import, a name in MODULES.
    (package / "measures" / "preference.py").write_text(KIND)
    registry = package / "measures" / "registry.py"
    text = registry.read_text()
    assert "    markedness,\n" in text and "conditionals, association_bias,\n" in text
    text = text.replace("    markedness,\n", "    markedness,\n    preference,\n", 1)
    registry.write_text(text.replace("association_bias,\n)", "association_bias, preference,\n)"))
    (tmp_path / "use.py").write_text(USE)
    done = subprocess.run(
        [sys.executable, "use.py", str(tmp_path)], cwd=tmp_path, capture_output=True, text=True,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # Four of six images of either gender are red.
    assert "preference,(all),12,0.6666666666666666" in done.stdout
    assert "preference,woman,6,0.6666666666666666" in done.stdout
