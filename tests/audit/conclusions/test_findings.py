from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from audit.conclusions.confounding_sentences import confounding_sentence
from audit.conclusions.findings import FINDING_COLUMNS, finding_table
from audit.statistics.proportion.intervals import newcombe
from audit.statistics.proportion.label_noise import gap_behind_noise
from audit.tables.context import TableContext
from audit.tables.rates import gap_table
from probes.records.manifest_types import Confounding
from tests.audit.support.naive_counts import ATTRIBUTES, draw_images, manifest_of, naive_counts, probe_entry


def findings_of(images: pd.DataFrame, **manifest: object) -> pd.DataFrame:
    whole = manifest_of(probe_entry(), **manifest)
    counts = naive_counts(images)
    return finding_table(
        TableContext.of(counts, whole, ATTRIBUTES), gap_table(TableContext.of(counts, whole, ATTRIBUTES))
    )


def test_a_planted_gap_is_found_and_said_in_a_sentence() -> None:
    images = draw_images(1500, seed=3, extra={"dark": 0.3})
    data = {"cluster": "drawing_id", "caution": "Images, not persons."}
    findings = findings_of(images, data=data)
    first = findings[(findings["by"] == "skin_tone") & (findings["outcome"] == "misclassified")].iloc[0]
    wrong, dark = images["prediction"] != images["truth"], images["skin_tone"] == "dark"
    assert first["group"] == "dark"
    assert first["difference"] == pytest.approx(wrong[dark].mean() - wrong[~dark].mean())
    sentence = first["sentence"].replace("\N{NO-BREAK SPACE}", " ")
    assert sentence.startswith(
        "Work, design default, template plain: misclassified more often for dark than for the rest, "
    )
    assert f"{100 * wrong[dark].mean():.1f} % of {dark.sum()} images" in sentence
    assert f"+{100 * first['difference']:.1f} percentage points (95 % interval +" in sentence
    assert sentence.endswith("adjusted p < 0.001). Asked in one specification.")
    assert first["caution"].startswith("Images that share a drawing id depend on each other")
    assert first["caution"].endswith("Images, not persons.")


def test_findings_are_numbered_from_the_widest_gap() -> None:
    findings = findings_of(draw_images(1500, seed=3, extra={"dark": 0.3, "medium": 0.1}))
    assert tuple(findings.columns) == FINDING_COLUMNS
    assert findings["id"].tolist() == [f"F{i + 1}" for i in range(len(findings))]
    assert findings["difference"].abs().is_monotonic_decreasing
    assert (findings["p_adjusted"] < 0.05).all()


def test_small_groups_carry_a_caution() -> None:
    images = draw_images(400, seed=5)
    few = images.index[(images["skin_tone"] == "dark")][:20]
    images = images[(images["skin_tone"] != "dark") | images.index.isin(few)]
    images.loc[few, "prediction"] = "thief"
    found = findings_of(images).set_index("group").loc["dark"]
    assert found["caution"].str.startswith("One side has fewer than 30 images.").all()


def test_two_groups_that_mirror_each_other_are_one_finding() -> None:
    images = draw_images(900, seed=4)
    women = images["gender"] == "woman"
    images.loc[women & (images.index % 2 == 0), "prediction"] = "thief"
    findings = findings_of(images)
    by_gender = findings[(findings["by"] == "gender") & (findings["outcome"] == "crime")]
    assert by_gender["group"].tolist() == ["woman"]
    assert by_gender["reference"].tolist() == ["man"]


def test_the_interval_after_selection_is_benjamini_and_yekutielis() -> None:
    images = draw_images(1500, seed=3, extra={"dark": 0.3})
    findings = findings_of(images)
    first = findings[(findings["by"] == "skin_tone") & (findings["outcome"] == "misclassified")].iloc[0]
    wrong, dark = images["prediction"] != images["truth"], images["skin_tone"] == "dark"
    # Three outcomes x (3 tones + one contrast of two genders + 6 intersections) = 30 tests.
    confidence = 1 - 0.05 * len(findings) / 30
    low, high = newcombe(
        wrong[dark].sum(), dark.sum(), wrong[~dark].sum(), (~dark).sum(), confidence=confidence
    )
    assert (first["selected_low"], first["selected_high"]) == pytest.approx((float(low), float(high)))
    assert first["selected_low"] < first["low"] < first["high"] < first["selected_high"]
    assert first["clusters_group"] == dark.sum()


def in_two_ways(first: Mapping[str, float], second: Mapping[str, float]) -> pd.DataFrame:
    """Findings of 1,000 images a tone asked in two designs; for each, the excess of the error by tone."""
    parts = []
    for design, extra in (("default", first), ("with_child", second)):
        images = draw_images(3000, seed=11, extra=extra)
        parts.append(naive_counts(images).assign(design=design))
    manifest = manifest_of(probe_entry(groups=[["skin_tone"]]))
    context = TableContext.of(pd.concat(parts, ignore_index=True), manifest, ATTRIBUTES)
    found = finding_table(context, gap_table(context))
    return found[found["outcome"] == "misclassified"].set_index("group")


def test_a_gap_asked_for_in_two_ways_is_one_finding() -> None:
    found = in_two_ways({"dark": 0.3}, {"dark": 0.2})
    dark = found.loc["dark"]
    assert (dark["holds_in"], dark["specifications"], dark["design"]) == (2, 2, "default")
    assert dark["difference"] == dark["difference_max"] > dark["difference_min"] > 0.1
    assert "It holds in 2 of 2 specifications; over all of them the difference is +" in dark["sentence"]


def test_a_finding_speaks_of_the_first_way_in_which_it_holds() -> None:
    found = in_two_ways({}, {"dark": 0.3})
    dark = found.loc["dark"]
    assert (dark["holds_in"], dark["specifications"], dark["design"]) == (1, 2, "with_child")
    assert dark["difference"] == dark["difference_max"]
    assert "It holds in 1 of 2 specifications" in dark["sentence"]


def test_a_finding_says_when_its_direction_turns() -> None:
    found = in_two_ways({"dark": 0.3}, {"light": 0.3, "medium": 0.3})
    assert found.loc["dark", "sentence"].endswith("so its direction depends on the specification.")


def test_a_finding_says_how_wrong_the_labels_would_have_to_be() -> None:
    images = draw_images(1500, seed=3, extra={"dark": 0.3})
    findings = findings_of(images)
    first = findings[(findings["by"] == "skin_tone") & (findings["outcome"] == "misclassified")].iloc[0]
    wrong, dark = images["prediction"] != images["truth"], images["skin_tone"] == "dark"
    x1, n1, x2, n2 = wrong[dark].sum(), dark.sum(), wrong[~dark].sum(), (~dark).sum()
    assert first["wrong_labels"] == np.ceil((x1 * n2 - x2 * n1) / (n1 + n2 - x1 - x2))
    assert first["wrong_truths"] == np.ceil(x1 - n1 * x2 / n2)
    assert f"{first['wrong_labels']} of the {n1} images labelled dark" in first["noise"]
    assert f"the right answer of {int(first['wrong_truths'])} images of dark is wrong." in first["noise"]
    behind = float(gap_behind_noise(first["difference"], n1, n2, share=0.05))
    assert first["noise"].endswith(f"+{100 * behind:.1f} points.")


def test_only_what_goes_together_with_the_attribute_is_a_caution() -> None:
    def pair(first: str) -> Confounding:
        return {
            "attributes": [first, "vendor"],
            "n": 90,
            "cramers_v": 0.9,
            "worst": None,
            "confounded": True,
        }

    tied = confounding_sentence(pair("skin_tone"))
    data = {"name": "drawn", "confounding": [pair("skin_tone"), pair("age")], "caution": "Drawings."}
    findings = findings_of(draw_images(1500, seed=3, extra={"dark": 0.3}), data=data)
    cautions = findings.set_index("by")["caution"]
    assert (cautions.loc[["skin_tone"]] == f"{tied} Drawings.").all()
    assert not cautions.str.contains("age and vendor").any()
