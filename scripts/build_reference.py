"""Write the reference pages that follow from the code: docs/glossary.md and docs/suite_reference.md.

python -m scripts.build_reference [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from probes.records.schema import Column, TableSchema
from probes.records.schemas import SCHEMAS
from probes.rules.rule_registry import RULES
from probes.suite.suite import suite_json_schema

DOCS = Path(__file__).resolve().parents[1] / "docs"
MARK = "<!-- written by python -m scripts.build_reference -->"
TERMS = {
    "assignment rule": (
        "How similarities become assigned classes: argmax, top-k, probability at least t, cosine at "
        "least c, or calibrated (one threshold a class)."
    ),
    "class design": "A variant of a label set: a class added, a set dropped, words swapped for synonyms.",
    "cluster": (
        "Images that are not independent of each other, such as several of one person; the "
        "literature's primary sampling unit. Errors that allow for it are cluster-robust standard "
        "errors."
    ),
    "confirmation": "A finding tested again on images that were held out; split-sample validation.",
    "design effect": "By how much the variance exceeds that of as many independent images (Kish 1965).",
    "disparity, gap": "The difference, or ratio, of a rate between a group and its reference.",
    "driven by": "A group differs from all others only because of other groups, which are named.",
    "false coverage rate": (
        "The share of intervals of selected findings that miss (Benjamini & Yekutieli 2005); the "
        "wider interval of a finding keeps it at 5 %."
    ),
    "finding": (
        "A gap whose adjusted p is below 0.05, with strong control of the familywise error over the audit."
    ),
    "gate": (
        "A margin that a gap, rate or accuracy must keep: PASS by two one-sided tests (TOST), FAIL if "
        "a simultaneous interval lies beyond it, else INCONCLUSIVE."
    ),
    "group": "The images with one value of an attribute, or one combination of values.",
    "grouping": "The attribute, or combination of attributes, whose groups are compared; an intersection.",
    "label set": (
        "The classes that are offered, each in a named set: identity, harm: crime, harm: non-human, "
        "distractor."
    ),
    "misclassified": "No class that is right for the image is assigned.",
    "mitigation": (
        "A change of embeddings, texts or class design that is meant to lower a gap; measured, never assumed."
    ),
    "outcome": "An event counted for each image: misclassified, or assigned a class of a set.",
    "partial pooling": "Estimates of small groups drawn towards those of the others; a hierarchical model.",
    "probe": (
        "One question asked of the model over chosen images: a label set, designs, templates, groupings."
    ),
    "rate": "The share of a group's images to which an outcome happened.",
    "reference": "What a group is compared with: a named group, the rest, all images, or the best group.",
    "smallest detectable difference": (
        "The gap that this audit would have found with 80 % power; the minimum detectable effect of "
        "its own adjusted test."
    ),
    "specification": "One (class design, prompt template, assignment rule, threshold).",
    "specification curve": "A gap under every specification; a multiverse analysis (Simonsohn et al. 2020).",
    "suite": "One YAML file: data, label sets, templates, probes, gates.",
    "template": 'The sentence around a class, such as "a photo of a {label}".',
}


def glossary() -> str:
    """Terms, then every column of every table."""
    lines = ["# Glossary", "", MARK, "", "## Terms", "", "| term | meaning |", "|---|---|"]
    lines += [f"| {term} | {meaning} |" for term, meaning in sorted(TERMS.items())]
    lines += ["", "## Tables", ""]
    lines += [
        "Every table lies in the folder of a run as .parquet and, if it is not one row per image, as .csv.",
        "Group attributes have columns of their own; one with the name of another column of the table is",
        "`attribute: NAME`.",
    ]
    for table in SCHEMAS.values():
        lines += [
            "",
            f"### {table.name}",
            "",
            f"One row: {table.meaning}.",
            "",
            "| column | type | meaning |",
        ]
        lines += ["|---|---|---|", *_columns(table)]
    return "\n".join(lines) + "\n"


def _columns(table: TableSchema) -> Iterator[str]:
    yield from map(_column, table.before)
    if table.attributes:
        yield '| *group attributes* | str | the group; "(all)" if not split, "(missing)" if not known |'
    yield from map(_column, table.after)


def _column(column: Column) -> str:
    return f"| `{column.name}` | {column.dtype} | {column.meaning} |"


def suite_reference() -> str:
    """Every key that a suite may have, from its JSON Schema."""
    schema = suite_json_schema()
    lines = [
        "# Suite reference",
        "",
        MARK,
        "",
        "A suite is one YAML file. `clip-audit probe new` writes one; ",
    ]
    lines[-1] += "`clip-audit probe check` says what is wrong with it before a model is asked."
    lines += ["", "## The suite", "", *_properties(schema)]
    lines += _rules()
    for name, definition in sorted(schema.get("$defs", {}).items()):
        if "properties" in definition:
            lines += ["", f"## {name}", "", *filter(None, [definition.get("description", "")]), ""]
            lines += _properties(definition)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _rules() -> list[str]:
    """The assignment rules, with what is known of their thresholds."""
    lines = [
        "",
        "## Assignment rules",
        "",
        "The names for `rules`; `rule_thresholds` holds thresholds by rule.",
        "",
    ]
    lines += ["| rule | the classes of an image | threshold | own key | example |", "|---|---|---|---|---|"]
    for rule in RULES.values():
        known = rule.thresholds
        cells = (
            ("none", "", "")
            if known is None
            else (
                f"{known.symbol}, {known.range_words}",
                f"`{known.key}`" if known.key else "",
                f"{known.example:g}",
            )
        )
        lines.append(f"| `{rule.name}` | {rule.meaning} | {' | '.join(cells)} |")
    return lines


def _properties(definition: Mapping[str, Any]) -> Iterator[str]:
    required = set(definition.get("required", ()))
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for key, field in definition.get("properties", {}).items():
        default = "required" if key in required else f"`{field['default']}`" if "default" in field else ""
        # A line break or a bar would end the cell of the Markdown table.
        meaning = " ".join(str(field.get("description", "")).split()).replace("|", "\\|")
        yield f"| `{key}` | {_type(field)} | {default} | {meaning} |"


def _type(field: Mapping[str, Any]) -> str:
    """The type of a field in words."""
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf", "allOf"):
        if key in field:
            return " or ".join(dict.fromkeys(_type(one) for one in field[key]))
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    kind = str(field.get("type", "any"))
    if kind == "array":
        return f"list of {_type(field.get('items', {}))}"
    if kind == "object":
        inner = field.get("additionalProperties")
        return f"mapping to {_type(inner)}" if isinstance(inner, Mapping) else "mapping"
    return {"string": "text", "integer": "whole number", "number": "number", "null": "nothing"}.get(
        kind, kind
    )


PAGES = {"glossary.md": glossary, "suite_reference.md": suite_reference}


def main(arguments: list[str]) -> int:
    """Write the pages, or with --check say which differ."""
    stale = []
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if "--check" in arguments:
            stale += [name] * (not path.is_file() or path.read_text(encoding="utf-8") != text)
        else:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(
            f"docs/{name} is not what the code says: run python -m scripts.build_reference", file=sys.stderr
        )
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
