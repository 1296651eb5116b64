from __future__ import annotations

import math

from audit.report.wording import asking, contrast, contrast_numbers, group_name

ROW = {
    "design": "with_child", "template": "plain", "rule": "probability", "threshold": 0.2, "by": "skin_tone",
    "group": "dark", "reference": "light", "difference": 0.123, "low": 0.05, "high": 0.2, "n_group": 50,
    "n_reference": 70, "clusters_group": 10, "clusters_reference": 70, "p_adjusted": 0.0123,
}  # fmt: skip


def test_specifications_in_words() -> None:
    assert asking(ROW) == "with child, plain, probability ≥ 0.2"
    assert (
        asking(ROW | {"rule": "argmax", "threshold": math.nan}, design=False)
        == "plain, highest-scoring class"
    )


def test_groups_and_contrasts_in_words() -> None:
    row = {"skin_tone": "dark", "gender": "woman", "split": "(all)"}
    assert group_name(row, ["split", "skin_tone", "gender"]) == "dark × woman"
    assert group_name(row, ["split"]) == "all images"
    assert contrast(ROW) == "skin tone dark against light"


def test_the_numbers_of_a_contrast() -> None:
    said = contrast_numbers(ROW, low="low", high="high").replace("\N{NO-BREAK SPACE}", " ")
    assert said.startswith("+12.3 percentage points (95 % interval +5.0 to +20.0; n 50")
    # Fewer clusters than images are said; as many are not.
    assert "10" in said.split("against")[0] and said.split("against")[1].startswith(" 70;")
    assert said.endswith("adjusted p 0.012)")
