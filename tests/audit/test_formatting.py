from __future__ import annotations

from audit import formatting as fmt


def _text(value: str) -> str:
    return value.replace("\N{NO-BREAK SPACE}", " ")


def test_formatting_writes_what_a_reader_expects() -> None:
    assert _text(fmt.percent(0.1234)) == "12.3 %"
    assert fmt.points(-0.0004) == "±0.0"
    assert fmt.points(0.226) == "+22.6"
    assert fmt.points(-0.226) == "\N{MINUS SIGN}22.6"
    assert fmt.p_value(0.0004) == "< 0.001"
    assert fmt.percent(None) == fmt.percent(float("nan")) == "–"
    assert fmt.in_order(["dark", "light", "dark"]) == ["dark", "light"]
    assert fmt.words("skin_tone x gender") == "skin tone × gender"
