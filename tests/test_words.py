"""The field's words: what this project once called things by names of its own stays out of the tree."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = {".py", ".md", ".j2", ".js", ".html", ".yaml", ".ipynb"}
PRIVATE = {
    r"ways? of asking": "specification(s)",
    r"make-up": "composition",
    r"kept apart to": "held out",
    r"furthest out": "most extreme contrast",
    r"bare arrays in": "array-level functions",
    r"most telling": "strongest evidence",
    r"fares worst": "has the lowest accuracy",
    r"met less often": "occurs less often",
    r"idle classes": "classes without matching truth",
    r"stands? behind": "supports",
    r"onlookers?": "callbacks",
    r"the audit, audited": "calibration study",
    r"one door to": "single entry point",
    r"pictures": "images",
    r"(the|this|that|each|every|no) picture": "image",
    r"(audit)?watchers?": "evaluator(s)",
    r"lanes?": "substream(s)",
    r"(a|each|every|equal|this) stretch": "segment",
    r"journal": "resumable log",
    r"tally|tallies": "counts, accumulator",
    r"cuts\.(rule|thresholds)": "RuleThresholds",
    r"_?most_telling": "strongest evidence",
    r"idle_classes": "classes without matching truth",
    r"given_?model": "precomputed model",
    r"door of": "entry point",
    r"(multinomial|binomial|poisson|chi-squared|student's|normal) law": "distribution",
    r"never covers? less": "conservative",
    r"(stands?|stood|standing) beside": "next to",
    r"ways asked|asked that way|n_ways": "specification(s)",
    r"same command to go on": "resume",
    r"mended": "repaired",
    r"are nearer to|is nearer to": "more similar to",
    r"coarsedataset|coarser (images?|pictures?)": "downscaled images",
    r"\w+_twin": "reference implementation",
    r"all_ways_p": "specification(s), omnibus_p",
    r"asked_order|not_asked": "specification list, not evaluated",
    r"outcome_?patterns?|patterns of outcomes": "outcome bits",
}
LEFT = {"tests/test_words.py", "CHANGELOG.md", "probes/records/vocabulary.py"}
"""The list itself, and what was true of earlier versions."""
NAMES = ("clipmodel/evaluation/registry/data/", "probes/data/emoji/", "clipmodel/data/")
"""Class names and prompts of others."""
EARLIER = {
    "clipmodel/training/data/streamed.py", "clipmodel/training/recipe.py",
    "tests/clipmodel/training/data/test_streamed.py",
}  # fmt: skip
"""Where the keys of earlier versions are read: `lanes` and `tally`."""
ANY = re.compile("|".join(rf"\b(?:{word})\b" for word in PRIVATE), re.IGNORECASE)


def better_word(found: str) -> str:
    return next(better for word, better in PRIVATE.items() if re.fullmatch(word, found, re.IGNORECASE))


def test_no_private_words() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = [
        f"{name}: {match.group()!r}, say {better_word(match.group())!r}"
        for name in listed.splitlines()
        if Path(name).suffix in SUFFIXES and name not in LEFT and not name.startswith(NAMES)
        for match in ANY.finditer((ROOT / name).read_text(encoding="utf-8"))
        if not (name in EARLIER and match.group() in ("lanes", "tally"))
    ]
    assert found == []
