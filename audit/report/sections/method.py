"""The sections on the method: questions, exclusions, multiplicity, limits and the method card."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from audit import formatting as fmt
from audit.report import components
from audit.report.components import Column, table_of
from audit.report.section import ReportContext, Section
from audit.tables.context import min_clusters
from audit.tables.groups.group_counts import OR, truths_of_class
from clipmodel.plurals import number_of
from probes.rules.rule_registry import RULES

CODE_TERMS: Final = frozenset(
    {
        "Fingerprint",
        "Preprocessing",
        "SHA-256 of the data",
        "SHA-256 of the suite",
        "SHA-256 of the prompts",
        "Command",
    }
)

STATISTICS: Final = (
    ("Rates", "Wilson’s interval, longer where events are few; of counts over the design effect of clusters"),
    ("Differences, ratios", "Newcombe; Katz, or Koopman where a cell is 0; the score test, or Fisher’s where "
     "counts are small; Holm’s correction over the groups"),
    ("All groups at once", "Pearson’s chi-squared, with Holm’s correction over all families; in the table of "
     "spreads by permutation where counts are small"),
    ("Specifications", "on the same images: Cochran’s Q over all; McNemar’s exact test and Newcombe’s paired "
     "interval for each against the first"),
    ("Whole curves", "permutation of the labels of images, clusters kept together; bands over thresholds by "
     "bootstrap"),
    ("Gates", "exact intervals (Clopper and Pearson), together at 95 % by Bonferroni"),
)  # fmt: skip
"""Which method gives which number; docs/statistics.md says more."""

LIMITS: Final = (
    "A difference is a property of this model on these images with these words. Another model, image source, "
    "prompt or label set can give another answer.",
    "Groups are labels that somebody gave to images, not what a person is or says of themselves.",
    "The intervals cover the choice of images only: neither another training run of the model nor another "
    "wording of the question is in them.",
    "No difference found is not the same as no difference: read it with the smallest detectable one.",
    "Nothing here is a legal test. A figure such as four fifths is a rule of thumb, even if a suite makes "
    "a gate of it.",
    "The same images are asked under every class design and threshold. Their rates belong together, so two "
    "intervals that overlap do not show that two designs agree.",
)


def question(probe: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page says about one probe: the question, the words, the prompts."""
    sets = {name: list(classes) for name, classes in probe["sets"].items()}
    return {
        "title": probe["title"],
        "question": probe["question"],
        "where": probe.get("where_text") or "all",
        "truth": fmt.words(probe["truth"]) if probe["truth"] else "none: the question has no right answer",
        "has_truth": bool(probe["truth"]),
        "groups": "; ".join(fmt.words(" x ".join(group)) for group in probe["groups"]),
        "rules": [(fmt.words(name), RULES[name].meaning) for name in rules_of(probe) if name in RULES],
        "label_set": probe["label_set"],
        "source": (probe["label_set_source"] or "").strip(),
        "note": probe["note"],
        "sets": list(sets.items()),
        "harmful": probe.get("harmful", False) or any(outcome["harmful"] for outcome in probe["outcomes"]),
        "classes": [
            {**one, "stands_for": OR.join(truths_of_class(probe)[one["name"]])} for one in probe["classes"]
        ],
        "prompts": probe.get("prompts", []),
        "n_words": len(probe["classes"]) or sum(map(len, sets.values())),
        "templates": probe["templates"],
        "designs": [
            {"label": fmt.words(d["name"]), "description": d["description"], "size": len(d["classes"])}
            for d in probe["designs"]
        ],
    }


def rules_of(probe: Mapping[str, Any]) -> list[str]:
    """Return the assignment rules of a probe, as the suite orders them; none if it does not classify."""
    return list(dict.fromkeys(str(key[2]) for key in probe.get("specifications") or ()))


def exclusions(excluded: pd.DataFrame, *, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was left out, by probe, reason and group."""
    names = components.attribute_columns(manifest)
    if not len(excluded):
        return {"lead": "Nothing was left out: every image was read and had every attribute.", "table": None}
    rows = [row | {"group": _where(row, names)} for row in excluded.to_dict("records")]
    lead = (
        "Images whose attribute is missing or not visible stay in the rates over all images and are left out "
        "of the groups of that attribute. Images that could not be read are in no rate."
    )
    return {"lead": lead, "table": table_of(rows, EXCLUDED, caption="Left out, by reason and group")}


EXCLUDED: Final = (
    Column("probe", "Probe", fmt.words),
    Column("reason", "Reason", fmt.words),
    Column("group", "Group"),
    Column("n", "Images", fmt.integer, number=True),
)


def _where(row: Mapping[Any, Any], names: Sequence[str]) -> str:
    known = [
        f"{fmt.words(a)} {fmt.words(row[a])}" for a in names if row.get(a, components.ALL) != components.ALL
    ]
    return ", ".join(known) or "all images"


def multiplicity(gaps: pd.DataFrame, findings: pd.DataFrame, *, n_specifications: int) -> str:
    """Return the statement on how many contrasts were looked at and how that was corrected."""
    compared = int(gaps["p"].notna().sum())
    families = gaps.loc[gaps["p"].notna(), [*components.KEYS, "outcome", "by"]].drop_duplicates()
    return (
        f"This report rests on {number_of(compared, 'contrast')} in "
        f"{number_of(len(families), 'family', 'families')} over "
        f"{number_of(n_specifications, 'specification')}. One family is all groups compared for one outcome, "
        "attribute and specification. Holm’s correction runs over all gaps of the audit, which "
        "share the level equally and divide it among their specifications: the chance of any false finding "
        "is at most 5 %, whichever gaps are true. Against the rest, a group must also differ from the rest "
        "without the groups that differ more. "
        f"{number_of(len(findings), 'contrast is a finding', 'contrasts are findings')}. "
        "The intervals are 95 % each, for one contrast "
        "alone, and the largest of many differences is overstated on average."
    )


def card(manifest: Mapping[str, Any], run_info: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the method card: headings with terms and values, terms without a value left out."""
    model, data, suite = manifest["model"], manifest["data"], manifest["suite"]
    softmax = model["logit_bias"] is None
    bias = "none (softmax over the classes)" if softmax else f"{model['logit_bias']:.4g} (sigmoid)"
    unreadable = fmt.integer(data["n_unreadable"])
    sections = [
        ("Model", [("Name", model["name"]), ("Fingerprint", model["fingerprint"]),
                   ("Preprocessing", model["preprocessing"]), ("Logit scale", f"{model['logit_scale']:.4g}"),
                   ("Logit bias", bias)]),
        ("Data", [("Name", f"{data['title']} ({data['name']}), version {data['version']}"),
                  ("Images", f"{fmt.integer(data['n_images'])}, unreadable {unreadable}"),
                  ("SHA-256 of the data", data["sha256"]), ("Licence", data["licence"]),
                  ("Labels", data["label_provenance"]), ("Labelled by", data.get("labelled_by")),
                  ("Consent", data.get("consent")), ("Source", data.get("source")),
                  ("Cluster", data["cluster"]), ("Notes", " ".join(data.get("notes") or ()))]),
        ("Question", [("Suite", f"{suite['title']} ({suite['name']})"),
                      ("SHA-256 of the suite", suite["sha256"]),
                      ("SHA-256 of the prompts", manifest["prompts_sha256"]),
                      ("Population", components.population(manifest)),
                      ("Smallest group", number_of(manifest["min_group"], "image")),
                      ("Fewest clusters a side", str(min_clusters(manifest)))]),
        ("Run", [("Command", run_info.get("command")), ("Started", run_info.get("started")),
                 ("Duration", _seconds(run_info.get("seconds"))), ("Seed", manifest["seed"]),
                 ("Versions", ", ".join(f"{fmt.words(k)} {v}" for k, v in manifest["versions"].items()))]),
        ("Statistics", list(STATISTICS)),
    ]  # fmt: skip
    return [(head, [(t, str(v)) for t, v in pairs if v not in (None, "")]) for head, pairs in sections]


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.0f} s"


def build(context: ReportContext) -> dict[str, Any]:
    """Return the method card, the exact prompts and the suite."""
    manifest, command = context.result.manifest, context.run_info.get("command")
    plain = shlex.join(command) if isinstance(command, list) else command
    return {
        "card": card(manifest, {**context.run_info, "command": plain}),
        "code_terms": CODE_TERMS,
        "probes": [
            {**question(probe), "anchor": components.slug("prompts", probe["name"])}
            for probe in context.probes
        ],
        "suite_text": manifest["suite"].get("text") or "",
    }


SECTION: Final = Section(
    id="method", title="Method card", label="Method", template="method.html.j2", build=build
)
