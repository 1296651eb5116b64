"""What is in an evidence pack, and how it is written."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from audit import formatting as fmt
from audit.conclusions.junit import junit_xml
from audit.conclusions.overview import strongest
from audit.csv_cells import write_csv
from audit.evidence.crosswalk import crosswalk_table, impact_ratios
from audit.json_tables import read_json
from audit.report import render_report
from audit.report.section import ReportContext
from audit.report.sections.overview import sentences
from audit.result import AuditResult
from audit.result_files import RUN_FILE
from audit.tables.groups.group_counts import group_attributes
from clipmodel.plurals import number_of
from probes.records import ALL

CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
SIGN_OFF: Final = """# Sign-off

This pack documents a measurement. It is no legal opinion, and nothing in it is a legal test.

| role | name | date | signature |
|---|---|---|---|
| Carried out the audit | | | |
| Checked it independently | | | |
| Responsible for the model | | | |
| Decision and its reasons | | | |

The hashes of all files of this pack are in SHA256SUMS: check them with `sha256sum -c SHA256SUMS`.
"""


def write_pack(result: AuditResult, folder: Path, *, run_info: Mapping[str, Any] | None = None) -> list[str]:
    """Write the pack into a folder that is empty or does not exist; return its files, sorted.

    report.html, report.pdf (with Chromium), audit.json and the tables, gates.xml, model_card.md,
    model_index.yaml, crosswalk.csv, impact_ratios.csv, sign_off.md, SHA256SUMS.
    """
    result.write(folder, run_info=run_info)
    page = folder / "report.html"
    page.write_text(render_report(result, run_info), encoding="utf-8")
    print_pdf(page, folder / "report.pdf")
    texts = {
        "gates.xml": junit_xml(result.gates, suite=result.manifest["suite"]["name"]),
        "model_card.md": model_card(result),
        "model_index.yaml": yaml.safe_dump(model_index(result), sort_keys=False, allow_unicode=True),
        "sign_off.md": SIGN_OFF,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    write_csv(crosswalk_table(), folder / "crosswalk.csv")
    write_csv(impact_ratios(result), folder / "impact_ratios.csv")
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    # Two spaces between hash and name: the format that `sha256sum -c` reads.
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}" for name in names]
    (folder / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
    return [*names, "SHA256SUMS"]


def print_pdf(page: Path, target: Path) -> bool:
    """Print a page to PDF with Chromium; False if there is none or it fails."""
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if found is None:
        return False
    # A profile of its own: a running Chromium would otherwise take over the job and return at once.
    with tempfile.TemporaryDirectory() as profile:
        # --no-sandbox: containers run as root, where the sandbox does not start; the page is our own.
        command = [found, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
                   f"--user-data-dir={profile}", f"--print-to-pdf={target.absolute()}",
                   page.absolute().as_uri()]  # fmt: skip
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=180)
        except (OSError, subprocess.SubprocessError):
            return False
    return target.is_file()


def model_card(result: AuditResult) -> str:
    """Return a section for a model card: what was measured, on whom, what was found, what cannot be said."""
    context = ReportContext(result=result)
    data, suite = result.manifest["data"], result.manifest["suite"]
    lines = [
        "## Bias, risks and limitations: audit", "",
        f"Audited with the suite {suite['name']} on {data.get('title', data['name'])} "
        f"({number_of(data.get('n_images'), 'image')}). Verdict: {result.verdict}.", "",
        *(f"- {sentence}" for sentence in sentences(context)), "",
        "| question | group | rate | against | difference, points | 95 % interval | state |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for cell in strongest(context.cells, count=10):
        asked = context.titles[cell.probe, cell.outcome]
        cells = (
            asked, fmt.words(cell.worse), fmt.percent(cell.worse_rate), fmt.words(cell.better),
            fmt.points(cell.difference), fmt.points_interval(cell.low, cell.high), cell.state,
        )  # fmt: skip
        # A bar would end the cell of the Markdown table.
        lines.append("| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |")
    return "\n".join(
        [*lines, "", "Groups are labels given by annotators. No figure here is a legal test.", ""]
    )


def model_index(result: AuditResult) -> dict[str, Any]:
    """Return metadata for the `model-index` of a model card on a hub: accuracy, and the widest gap."""
    names = group_attributes(result.accuracy)
    data = result.manifest["data"]
    overall = result.accuracy[(result.accuracy[names] == ALL).all(axis=1)]
    first = overall.drop_duplicates("probe").to_dict("records")
    context = ReportContext(result=result)
    found = []
    for row in first:
        own = [c for c in context.cells if c.probe == row["probe"] and c.difference == c.difference]
        metrics = [{"type": "accuracy", "name": "zero-shot accuracy", "value": round(float(row["rate"]), 4)}]
        if own:
            widest = max(own, key=lambda cell: cell.difference)
            name = f"widest gap: {widest.worse} against {widest.better}"
            metrics.append({"type": "gap", "name": name, "value": round(float(widest.difference), 4)})
        found.append(
            {
                "task": {"type": "zero-shot-image-classification", "name": str(row["probe"])},
                "dataset": {"type": data["name"], "name": str(data.get("title", data["name"]))},
                "metrics": metrics,
            }
        )
    return {"model-index": [{"name": result.manifest["model"]["name"], "results": found}]}


def run_info_of(folder: Path) -> dict[str, Any] | None:
    """Return run.json of an audit's folder; None if there is none."""
    path = folder / RUN_FILE
    return read_json(path) if path.is_file() else None
