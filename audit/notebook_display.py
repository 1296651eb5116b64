"""What an audit shows of itself in Jupyter: the verdict, accuracy, the first findings, what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.tables.primary import ALL, attribute_columns, of_specification, primary_specification

FINDINGS_SHOWN: Final = 5


def summary_html(manifest: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], *, verdict: str) -> str:
    """Return the summary as HTML; every name is escaped.

    Parameters
    ----------
    tables
        accuracy, findings and excluded of the audit.
    """
    data, suite, model = manifest["data"], manifest["suite"], manifest["model"]
    findings, excluded = tables["findings"], tables["excluded"]
    lost = int(excluded["n"].sum()) if len(excluded) else 0
    parts = [
        f"<p><strong>{escape(str(suite.get('title') or suite['name']))}</strong>: {escape(model['name'])} on "
        f"{escape(data['name'])}, {fmt.integer(data.get('n_images'))} images. "
        f"Verdict: <strong>{escape(verdict)}</strong>.</p>",
        _table(
            "Accuracy",
            ("question", "n", "accuracy", "95 % interval"),
            _accuracy(manifest, tables["accuracy"]),
        ),
        _table(
            f"The first of {len(findings)} findings" if len(findings) else "No findings",
            ("", "finding"),
            [(row["id"], row["sentence"]) for row in findings.head(FINDINGS_SHOWN).to_dict("records")],
        ),
        f"<p>Left out, summed over probes: {fmt.integer(lost)} images.</p>",
    ]
    if caution := data.get("caution"):
        parts.append(f"<p>Caution: {escape(str(caution))}</p>")
    return "\n".join(part for part in parts if part)


def _accuracy(manifest: Mapping[str, Any], accuracy: pd.DataFrame) -> list[tuple[str, ...]]:
    names = attribute_columns(manifest)
    rows: list[tuple[str, ...]] = []
    for probe in manifest["probes"]:
        primary = primary_specification(accuracy, probe=probe)
        if primary is not None:
            own = of_specification(accuracy, primary)
            whole = own[(own[names] == ALL).all(axis=1)].iloc[0]
            interval = fmt.percent_interval(whole["low"], whole["high"])
            rows.append((probe["title"], fmt.integer(whole["n"]), fmt.percent(whole["rate"]), interval))
    return rows


def _table(caption: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return f"<p>{escape(caption)}.</p>" if "findings" in caption else ""
    cells = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    header = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><caption>{escape(caption)}</caption><tr>{header}</tr>{cells}</table>"
