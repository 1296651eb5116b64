"""What counts as visible, on images made for the purpose."""

import numpy as np
import pandas as pd

from scripts.build_emoji.visibility import Labels, Pixels, add_visibility, changed_share, differs, render

TONES = ("light", "medium-light", "medium", "medium-dark", "dark")


def _patch(value: int, *, pixels: int = 100) -> Pixels:
    """White 64 x 64 image whose first `pixels` pixels are grey of `value`."""
    image = np.full((64 * 64, 3), 255, np.uint8)
    image[:pixels] = value
    return image.reshape(64, 64, 3)


def _label(**changes: str) -> Labels:
    plain = Labels("v", "judge", "man", "none", "adult", "judge")
    return plain._replace(**changes)


def _visible(labels: list[Labels], pixels: list[Pixels]) -> pd.DataFrame:
    columns = [f"visible_{name}" for name in ("skin_tone", "gender", "age", "occupation")]
    return add_visibility(pd.DataFrame(labels), pixels)[columns]


def test_changed_share_counts_pixels_beyond_the_step() -> None:
    # 41 of 4096 pixels is 1.001 %, 40 is 0.977 %; a step of 16 is not beyond 16.
    white = _patch(255)
    assert changed_share(white, _patch(0, pixels=41)) == 41 / 4096
    assert differs(white, _patch(0, pixels=41))
    assert not differs(white, _patch(0, pixels=40))
    assert changed_share(white, _patch(255 - 16)) == 0
    assert changed_share(white, _patch(255 - 17)) == 100 / 4096


def test_tones_that_look_alike_are_not_visible() -> None:
    labels = [_label(skin_tone=tone) for tone in TONES]
    # medium-dark and dark are 10 apart, less than the step; the others 40 or more.
    pixels = [_patch(value) for value in (220, 180, 140, 90, 80)]
    assert list(_visible(labels, pixels)["visible_skin_tone"]) == [True, True, True, False, False]


def test_an_image_without_tone_shows_none() -> None:
    assert not _visible([_label()], [_patch(0)])["visible_skin_tone"].any()


def test_person_drawn_as_the_man_does_not_show_its_gender() -> None:
    labels = [_label(gender=gender) for gender in ("woman", "man", "person")]
    visible = _visible(labels, [_patch(200), _patch(50), _patch(50)])["visible_gender"]
    assert list(visible) == [True, True, False]


def test_three_different_drawings_show_three_genders() -> None:
    labels = [_label(gender=gender) for gender in ("woman", "man", "person")]
    assert _visible(labels, [_patch(200), _patch(50), _patch(120)])["visible_gender"].all()


def test_woman_drawn_as_the_man_shows_neither() -> None:
    labels = [_label(gender=gender) for gender in ("woman", "man")]
    assert not _visible(labels, [_patch(50), _patch(50)])["visible_gender"].any()


def test_without_siblings_a_person_is_unproven_and_a_woman_is_taken_at_her_name() -> None:
    assert not _visible([_label(gender="person")], [_patch(0)])["visible_gender"].any()
    assert _visible([_label(gender="woman")], [_patch(0)])["visible_gender"].all()


def test_gender_has_one_answer_for_all_tones() -> None:
    tones = ("light", "medium", "dark")
    labels = [_label(gender=g, skin_tone=t) for g in ("woman", "man") for t in tones]
    # The woman differs from the man in light and medium and not in dark: the median says visible.
    pixels = [_patch(v) for v in (200, 150, 100)] + [_patch(v) for v in (50, 50, 100)]
    assert _visible(labels, pixels)["visible_gender"].all()


def test_an_occupation_drawn_as_the_plain_person_is_not_visible() -> None:
    labels = [
        _label(),
        _label(concept="person", occupation="none"),
        _label(concept="cook", occupation="cook"),
    ]
    visible = _visible(labels, [_patch(50), _patch(50), _patch(200)])["visible_occupation"]
    assert list(visible) == [False, False, True]


def test_other_vendors_are_never_compared() -> None:
    labels = [_label(), _label(vendor="w", concept="person", occupation="none")]
    assert not _visible(labels, [_patch(50), _patch(200)])["visible_occupation"].any()


def test_age_is_compared_with_plain_adults() -> None:
    labels = [
        _label(concept="person", occupation="none"),
        _label(concept="child", age="child", occupation="none"),
        _label(concept="older person", age="older", occupation="none"),
    ]
    visible = _visible(labels, [_patch(50), _patch(200), _patch(50)])["visible_age"]
    assert list(visible) == [True, True, False]


def test_render_fits_a_wide_drawing_on_white() -> None:
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10">'
        '<rect width="20" height="10" fill="#ff0000"/></svg>'
    )
    image = render(svg)
    # 20 x 10 becomes 64 x 32, so rows 16 to 47 are red and the rest is white.
    assert image.shape == (64, 64, 3)
    assert (image[17:47] == (255, 0, 0)).all()
    assert (image[:15] == 255).all()
    assert (image[49:] == 255).all()
