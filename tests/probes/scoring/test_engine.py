"""The engine against one image at a time in plain Python, and against masks over random designs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.scoring.count_accumulator import Counts
from probes.scoring.design_scores import Head
from probes.scoring.engine import PromptConfiguration, Question, score, score_images
from probes.scoring.threshold_lookup import RuleThresholds
from probes.scoring.threshold_ranks import RankLog
from probes.suite.classification_probe import MISCLASSIFIED

NAMED = (0.1, 0.5)
CURVE = tuple(i / 10 for i in range(11))
RULES = [
    RuleThresholds.of("argmax"),
    RuleThresholds.of("top_k", [1, 3]),
    RuleThresholds.of("probability", list(NAMED)),
    RuleThresholds.of("cosine", [0.0, 0.3]),
    RuleThresholds.of("calibrated", [0.1, 0.4]),
]
QUESTION = Question(
    rules=RULES, curve=np.array(CURVE), outcomes={"harmful": "harm", MISCLASSIFIED: MISCLASSIFIED}
)
SPECIFICATIONS = Question(rules=RULES[:1] + RULES[2:3], curve=np.array(CURVE))


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def specification(
    classes: list[str], columns: list[int], sets: dict[str, list[str]], **more: Any
) -> PromptConfiguration:
    return PromptConfiguration(
        key=("p", "d", "t"), classes=tuple(classes), columns=np.array(columns), sets=sets, **more
    )


def naive_probabilities(image: np.ndarray, classes: np.ndarray, head: Head) -> list[float]:
    logits = [head.scale * float(image @ row) for row in classes]
    if head.bias is not None:
        return [1 / (1 + math.exp(-(logit + head.bias))) for logit in logits]
    exponents = [math.exp(logit - max(logits)) for logit in logits]
    return [value / sum(exponents) for value in exponents]


def naive_assigned(
    rule: str, threshold: float, cosines: list[float], p: list[float], cuts: dict[float, np.ndarray]
) -> list[bool]:
    """Which classes one image is given."""
    places = range(len(cosines))
    if rule == "argmax":
        return [place == cosines.index(max(cosines)) for place in places]
    if rule == "top_k":
        best = sorted(places, key=lambda place: (-cosines[place], place))[: int(threshold)]
        return [place in best for place in places]
    if rule == "probability":
        return [value >= threshold for value in p]
    if rule == "cosine":
        return [value >= threshold for value in cosines]
    return [value >= cut for value, cut in zip(cosines, cuts[threshold], strict=True)]


@pytest.fixture
def random_case() -> dict:
    rng = np.random.default_rng(0)
    cuts = np.sort(rng.normal(0.1, 0.3, (2, 6)), axis=0).astype(np.float32)
    # Five cells; of the first design's classes, a or b is right for the images of a cell, or two of them are.
    right = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0]])
    return {
        "images": unit(rng.normal(size=(137, 8))),
        "classes": unit(rng.normal(size=(7, 8))),
        "cells": rng.integers(0, 5, 137),
        "clusters": rng.integers(0, 30, 137),
        "configurations": [
            specification(
                ["a", "b", "c", "d"], [3, 0, 5, 1], {"harm": ["d", "b"], "plain": ["a", "c"]},
                right=right.astype(bool), class_thresholds={"calibrated": cuts[:, :4]},
            ),
            specification(
                ["b", "z"], [0, 6], {"harm": ["b"], "plain": []},
                right=right[:, 1:3].astype(bool), class_thresholds={"calibrated": cuts[:, 4:]},
            ),
        ],
    }  # fmt: skip


def count(case: dict, head: Head, question: Question = QUESTION, **more: Any) -> list[Counts]:
    return score(
        case["images"], case["classes"], case["configurations"],
        cells=case["cells"], n_cells=6, head=head, question=question, **more,
    )  # fmt: skip


def naive_events(
    case: dict, head: Head, configuration: PromptConfiguration, rule: RuleThresholds
) -> tuple[np.ndarray, np.ndarray]:
    """[T, N, C] and [T, N, E]: one image and one threshold at a time."""
    given = np.zeros((len(rule.thresholds), len(case["images"]), len(configuration.classes)), bool)
    events = np.zeros((len(rule.thresholds), len(case["images"]), len(configuration.sets) + 1), bool)
    assert configuration.right is not None
    own = dict(zip((0.4, 0.1), configuration.class_thresholds["calibrated"], strict=True))
    for n, image in enumerate(case["images"]):
        vectors = case["classes"][configuration.columns]
        p = naive_probabilities(image, vectors, head)
        cosines = [float(image @ row) for row in vectors]
        for t, threshold in enumerate(rule.thresholds):
            given[t, n] = naive_assigned(rule.name, threshold, cosines, p, own)
            names = {name for name, yes in zip(configuration.classes, given[t, n], strict=True) if yes}
            right = {
                name
                for name, yes in zip(
                    configuration.classes, configuration.right[case["cells"][n]], strict=True
                )
                if yes
            }
            events[t, n] = [
                *(bool(names & set(members)) for members in configuration.sets.values()),
                not names & right,
            ]
    return given, events


def rank_log(case: dict) -> RankLog:
    inverted = [event == MISCLASSIFIED for event in QUESTION.outcomes.values()]
    return RankLog(
        len(case["images"]), n_specifications=len(case["configurations"]), rules=RULES, curve=CURVE,
        inverted=inverted,
    )  # fmt: skip


@pytest.mark.parametrize("bias", [None, -2.0])
@pytest.mark.parametrize("chunk", [16, 4096])
def test_counts_equal_a_loop_over_images(random_case: dict, bias: float | None, chunk: int) -> None:
    head, cells = Head(scale=7.0, bias=bias), random_case["cells"]
    log = rank_log(random_case)
    results = count(random_case, head, chunk=chunk, ranks=log)
    n = np.bincount(random_case["clusters"], minlength=30)
    for place, (configuration, result) in enumerate(zip(random_case["configurations"], results, strict=True)):
        assert result.events == ("harm", "plain", MISCLASSIFIED)
        for rule in RULES:
            given, events = naive_events(random_case, head, configuration, rule)
            both = np.concatenate([given, events], axis=2)
            expected = np.stack([both[:, cells == cell].sum(axis=1) for cell in range(6)], axis=1)
            np.testing.assert_array_equal(result.hits[rule.name], expected, err_msg=rule.name)
        _, events = naive_events(
            random_case, head, configuration, RuleThresholds.of("probability", list(CURVE))
        )
        expected = np.stack([events[:, cells == cell].sum(axis=1) for cell in range(6)], axis=1)
        np.testing.assert_array_equal(result.curve, expected)
        for rule in RULES:
            _, events = naive_events(random_case, head, configuration, rule)
            by_cluster = [
                [np.bincount(random_case["clusters"], row, minlength=30) for row in events[:, :, event]]
                for event in (0, 2)
            ]
            counted = log.cluster_counts(place, rule.name, random_case["clusters"], n)
            np.testing.assert_array_equal(counted, by_cluster, err_msg=rule.name)


@pytest.mark.parametrize("bias", [None, -2.0])
def test_joint_counts_equal_a_loop_over_images(random_case: dict, bias: float | None) -> None:
    head, cells = Head(scale=7.0, bias=bias), random_case["cells"]
    first, second = random_case["configurations"]
    results = count(random_case, head, chunk=50)
    assert results[0].pairs == {}
    for rule in RULES:
        one, other = (
            naive_events(random_case, head, configuration, rule)[1] for configuration in (first, second)
        )
        for o, event in enumerate((0, 2)):  # "harm" and "misclassified"
            for t in range(len(rule.thresholds)):
                for cell in range(6):
                    inside = cells == cell
                    pairs = list(zip(one[t, inside, event], other[t, inside, event], strict=True))
                    expected = [pairs.count(pair) for pair in [(False, False), (False, True), (True, False)]]
                    expected.append(pairs.count((True, True)))
                    assert results[1].pairs[rule.name][o, t, cell].tolist() == expected


def test_counts_of_two_halves_add_up(random_case: dict) -> None:
    head = Head(scale=7.0)
    whole = count(random_case, head)
    halves = [
        count(
            {**random_case, "images": random_case["images"][half], "cells": random_case["cells"][half]}, head
        )
        for half in (slice(0, 70), slice(70, None))
    ]
    for total, one, other in zip(whole, *halves, strict=True):
        added = one + other
        for name in ("hits", "pairs"):
            for rule, expected in getattr(total, name).items():
                np.testing.assert_array_equal(getattr(added, name)[rule], expected)
        np.testing.assert_array_equal(added.curve, total.curve)


def test_one_design_is_scored_alike_alone_and_beside_others(random_case: dict) -> None:
    """The designs share their exponents, and not a digit of one depends on the classes of another."""
    head = Head(scale=100.0)
    beside = count(random_case, head)[1]
    alone = count({**random_case, "configurations": random_case["configurations"][1:]}, head)[0]
    np.testing.assert_array_equal(beside.curve, alone.curve)
    for rule in beside.hits:
        np.testing.assert_array_equal(beside.hits[rule], alone.hits[rule])


@pytest.mark.parametrize("scale", [100.0, 1000.0])
def test_similarities_far_from_the_shared_shift_keep_their_digits(scale: float) -> None:
    """All cosines are below -0.9, or the scale is huge: exp(scale * (cos - 0.25)) is 0 or infinite there."""
    classes = unit(np.array([[-1.0, 0.02], [-1.0, 0.03], [1.0, 0.0]]))
    image = unit(np.array([[1.0, 0.0]]))
    for columns in ([0, 1], [2, 0]):
        configuration = specification(["a", "b"], columns, {"b": ["b"]})
        scores = next(score_images(image, classes, configuration, head=Head(scale=scale)))
        expected = naive_probabilities(image[0], classes[columns], Head(scale=scale))
        np.testing.assert_allclose(scores.sets[0], [expected[1]], rtol=1e-3, atol=1e-12)


def test_a_cell_without_images_keeps_its_zeros(random_case: dict) -> None:
    result = count(random_case, Head(scale=7.0))[0]
    assert result.hits["argmax"][0, 5].sum() == 0
    assert result.hits["argmax"][0, :, :4].sum() == len(random_case["images"])


def ask(
    images: np.ndarray,
    classes: np.ndarray,
    configuration: PromptConfiguration,
    head: Head,
    question: Question,
) -> Counts:
    return score(
        unit(images), unit(classes), [configuration],
        cells=np.zeros(len(images), int), n_cells=1, head=head, question=question,
    )[0]  # fmt: skip


def test_a_tie_goes_to_the_name_that_sorts_first() -> None:
    """Both classes have the same embedding: their similarities are equal to the last bit."""
    classes = np.array([[1.0, 0.0], [1.0, 0.0]])
    configuration = specification(["apple", "zebra"], [1, 0], {})
    question = Question(rules=[RuleThresholds.of("argmax"), RuleThresholds.of("top_k", [1])])
    result = ask(np.array([[1.0, 0.3]]), classes, configuration, Head(scale=1.0), question)
    assert result.hits["argmax"].tolist() == result.hits["top_k"].tolist() == [[[1, 0]]]


def test_a_confident_model_still_ranks_by_similarity() -> None:
    """A sigmoid of 40 and of 50 is 1 in float32: the prediction must not come from a tie of probabilities."""
    configuration = specification(["apple", "zebra"], [0, 1], {})
    classes = np.array([[1.0, 0.5], [1.0, 0.0]])
    result = ask(np.array([[1.0, 0.0]]), classes, configuration, Head(scale=50.0, bias=0.0), Question())
    assert result.hits["argmax"].tolist() == [[[0, 1]]]


def test_a_probability_equal_to_the_threshold_reaches_it() -> None:
    """Two classes at the same distance have p = 1/2 each: at t = 0.5 both count, just above neither."""
    configuration = specification(["a", "b"], [0, 1], {"both": ["a", "b"]})
    question = Question(rules=[RuleThresholds.of("probability", [0.5, 0.500001])], curve=np.array([0.0, 1.0]))
    result = ask(np.array([[1.0, 1.0]]), np.eye(2), configuration, Head(scale=3.0), question)
    assert result.hits["probability"][:, 0].tolist() == [[1, 1, 1], [0, 0, 0]]
    assert result.curve[:, 0].tolist() == [[1], [0]]


def test_a_set_without_classes_reaches_no_threshold_not_even_zero(random_case: dict) -> None:
    result = count(random_case, Head(scale=7.0), SPECIFICATIONS)[1]
    assert result.curve[:, :, 1].sum() == 0
    assert result.curve[0, :, 0].sum() == len(random_case["images"])


def test_per_image_scores_add_up_to_the_counts(random_case: dict) -> None:
    configuration, head, cells = random_case["configurations"][0], Head(scale=7.0), random_case["cells"]
    counts = count(random_case, head, SPECIFICATIONS)[0]
    images, classes = random_case["images"], random_case["classes"]
    parts = list(score_images(images, classes, configuration, head=head, chunk=50))
    prediction = np.concatenate([part.prediction for part in parts])
    best = np.concatenate([part.sets for part in parts], axis=1)
    for cell in range(5):
        inside = cells == cell
        predicted = np.bincount(prediction[inside], minlength=4)
        assert predicted.tolist() == counts.hits["argmax"][0, cell, :4].tolist()
        assert (best[:, inside] >= 0.5).sum(axis=1).tolist() == counts.hits["probability"][
            1, cell, 4:6
        ].tolist()


def test_unsorted_classes_and_unknown_members_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted"):
        specification(["b", "a"], [0, 1], {})
    with pytest.raises(ValueError, match="unknown classes"):
        specification(["a", "b"], [0, 1], {"harm": ["c"]})


def masks(rule: RuleThresholds, cosines: np.ndarray, p: np.ndarray, asked: PromptConfiguration) -> np.ndarray:
    """[T, C, N] whether each class is assigned, one comparison a threshold."""
    c, n = cosines.shape
    if rule.name == "argmax":
        assigned = np.zeros((1, c, n), bool)
        for i, column in enumerate(cosines.T.tolist()):
            # NaN equals nothing: an image with one is given the first class.
            assigned[0, column.index(max(column)) if not np.isnan(column).any() else 0, i] = True
        return assigned
    if rule.name == "top_k":
        place = np.argsort(np.argsort(-cosines, axis=0, kind="stable"), axis=0)
        return np.stack([place < k for k in rule.thresholds])
    if rule.name == "calibrated":
        return np.stack([cosines >= own[:, None] for own in asked.class_thresholds["calibrated"]])
    values = p if rule.name == "probability" else cosines
    return np.stack([values >= np.float32(t) for t in rule.thresholds])


def happened(assigned: np.ndarray, asked: PromptConfiguration, cells: np.ndarray) -> dict[str, np.ndarray]:
    """Event -> [T, N], of the [T, C, N] classes."""
    found = {name: assigned[:, asked.members(name)].any(axis=1) for name in asked.sets}
    assert asked.right is not None
    return found | {MISCLASSIFIED: ~(assigned & asked.right[cells].T).any(axis=1)}


def happened_on_curve(p: np.ndarray, asked: PromptConfiguration, cells: np.ndarray) -> np.ndarray:
    """[K, E, N] whether the greatest probability of each event reaches each point; a NaN reaches none."""
    assert asked.right is not None
    sets = [p[asked.members(name)].max(axis=0, initial=-1) for name in asked.sets]
    greatest = np.stack([*sets, np.where(asked.right[cells].T, p, -1).max(axis=0)])
    reached = greatest >= np.array(CURVE, np.float32)[:, None, None]
    reached[:, -1] = ~reached[:, -1]
    return reached


def by_cell(rows: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """[T, R, N] -> [T, G, R]."""
    return np.stack([rows[:, :, cells == cell].sum(axis=2) for cell in range(4)], axis=1)


@st.composite
def random_questions(draw: st.DrawFn) -> dict[str, Any]:
    """Designs of any of 40 classes, in any order or following each other, on similarities that tie."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, u = draw(st.sampled_from([1, 2, 70, 300])), 40
    images, classes = (rng.integers(-2, 3, (rows, 6)) / draw(st.sampled_from([4, 7])) for rows in (n, u))
    images = images.astype(draw(st.sampled_from([np.float32, np.float64])))
    if draw(st.booleans()):
        images[rng.integers(0, n), 0] = draw(st.sampled_from([np.nan, np.inf, 1e30]))
    asked = []
    for _ in range(draw(st.integers(1, 3))):
        size = draw(st.integers(1, u))
        first = draw(st.integers(0, u - size))
        columns = np.arange(first, first + size) if draw(st.booleans()) else rng.permutation(u)[:size]
        names = [f"c{i:02}" for i in range(size)]
        cuts = np.sort(rng.normal(0, 0.3, (2, size)), axis=0).astype(np.float32)
        asked.append(
            specification(
                names, columns.tolist(), {"harm": names[: draw(st.integers(0, size))], "none": []},
                right=rng.random((4, size)) < draw(st.sampled_from([0.0, 0.1, 0.6])),
                class_thresholds={"calibrated": cuts},
            )
        )  # fmt: skip
    thresholds = draw(st.sampled_from([[0.5], [0.0, 0.2], list(CURVE), np.linspace(0, 1, 300).tolist()]))
    rules = [*RULES, RuleThresholds.of("probability", thresholds), RuleThresholds.of("cosine", thresholds)]
    kept = {rule.name: rule for rule in draw(st.lists(st.sampled_from(rules), min_size=1, max_size=4))}
    head = Head(scale=draw(st.sampled_from([1.0, 100.0])), bias=draw(st.sampled_from([None, -3.0])))
    return {
        "images": images, "classes": classes.astype(np.float32), "configurations": asked, "head": head,
        "cells": rng.integers(0, 4, n), "rules": list(kept.values()),
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@settings(max_examples=60, deadline=None)
@given(case=random_questions(), block=st.sampled_from([2, 40, 1000]))
def test_counts_of_random_designs_equal_masks(case: dict[str, Any], block: int) -> None:
    """Ties, NaN and infinity, sets without classes, every rule and both heads; blocks of any size."""
    question = Question(rules=case["rules"], curve=np.array(CURVE), outcomes=QUESTION.outcomes)
    configurations, cells, head = case["configurations"], case["cells"], case["head"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("probes.scoring.engine.SMALLEST_BLOCK", block)
        patch.setattr("probes.scoring.engine.BLOCK_BYTES", 1)
        results = score(
            case["images"], case["classes"], configurations,
            cells=cells, n_cells=4, head=head, question=question,
        )  # fmt: skip
    cosines = case["classes"] @ case["images"].T
    first: dict[str, dict[str, np.ndarray]] = {}
    for asked, result in zip(configurations, results, strict=True):
        own = cosines[asked.columns]
        p, own = head.probabilities(own), own.astype(np.float32)
        for rule in case["rules"]:
            assigned = masks(rule, own, p, asked)
            events = happened(assigned, asked, cells)
            rows = np.concatenate([assigned, np.stack(list(events.values()), axis=1)], axis=1)
            np.testing.assert_array_equal(result.hits[rule.name], by_cell(rows, cells), err_msg=rule.name)
            one = first.setdefault(rule.name, events)
            if result is results[0]:
                continue
            for o, event in enumerate(QUESTION.outcomes.values()):
                both = [(a, b) for a in (False, True) for b in (False, True)]
                joint = [(one[event] == a) & (events[event] == b) for a, b in both]
                expected = by_cell(np.stack(joint, axis=1), cells)
                np.testing.assert_array_equal(result.pairs[rule.name][o], expected, err_msg=rule.name)
        np.testing.assert_array_equal(result.curve, by_cell(happened_on_curve(p, asked, cells), cells))
