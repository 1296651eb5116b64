"""Write the accuracy table of README.md from a run of the quickstart suite.

clip-audit run quickstart --out runs/quickstart
python -m scripts.readme_accuracy runs/quickstart
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from audit import AuditResult
from probes.records import ALL

BEGIN, END = "<!-- accuracy table: begin -->", "<!-- accuracy table: end -->"
README = Path(__file__).parents[1] / "README.md"
SPLITS = {
    "validation": "validation",
    "held_out_combination": "held-out combinations",
    "held_out_family": "held-out design families",
}
FAMILIES = {"noto": "- Noto, both versions", "emojione": "- EmojiOne"}


def markdown_table(accuracy: pd.DataFrame) -> str:
    """One row per probe and split, or held-out design family: classes are chosen by the template "plain"."""
    plain = accuracy[accuracy["template"] == "plain"]
    lines = ["| probe | images | n | accuracy | 95 % interval |", "|---|---|---:|---:|---|"]
    for probe, rows in plain.groupby("probe", sort=False):
        for attribute, names in (("split", SPLITS), ("design_family", FAMILIES)):
            others = [
                name for name in ("split", "design_family", "skin_tone", "gender", "age") if name != attribute
            ]
            own = rows[(rows[[name for name in others if name in rows]] == ALL).all(axis=1)]
            own = own[own[attribute].isin(list(names)) & (own["n"] > 0)].set_index(attribute)
            lines += [
                _line(str(probe), title, own.loc[value])
                for value, title in names.items()
                if value in own.index
            ]
    return "\n".join(lines)


def _line(probe: str, images: str, row: pd.Series) -> str:
    rate, low, high = (f"{100 * row[name]:.1f}" for name in ("rate", "low", "high"))
    return f"| {probe.replace('_', ' ')} | {images} | {row['n']:,} | {rate} % | {low} to {high} % |"


def main() -> None:
    table = markdown_table(AuditResult.read(sys.argv[1]).accuracy)
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
