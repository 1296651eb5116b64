from __future__ import annotations

import pytest
from pydantic import ValidationError, model_validator

from clipmodel.yaml_models import StrictModel
from probes.suite.validation_errors import check_known, misplaced, moved


class Inner(StrictModel):
    values: list[int]

    @model_validator(mode="after")
    def _check(self) -> Inner:
        if 13 in self.values:
            raise misplaced(["values", self.values.index(13)], "13 brings bad luck", remedy="take 12")
        return self


class Outer(StrictModel):
    inner: Inner


def test_an_error_of_a_validator_keeps_its_place_and_remedy() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"inner": {"values": [1, 13]}})
    (error,) = caught.value.errors()
    assert error["loc"] == ("inner", "values", 1)
    assert (error["msg"], error["ctx"]["remedy"]) == ("13 brings bad luck", "take 12")


def test_an_error_is_moved_below_where_its_model_stands() -> None:
    with pytest.raises(ValidationError) as caught:
        Inner.model_validate({"values": [13]})
    (error,) = moved(caught.value, ["probes", 2]).errors()
    assert error["loc"] == ("probes", 2, "values", 0) and error["ctx"]["remedy"] == "take 12"
    with pytest.raises(ValidationError) as plain:
        Inner.model_validate({"values": ["x"]})
    (error,) = moved(plain.value, ["a"]).errors()
    assert error["loc"] == ("a", "values", 0) and error["ctx"]["remedy"] == "correct the value"


def test_an_unknown_word_suggests_the_closest() -> None:
    check_known("plain", ["plain", "photo"], what="template", location=[])
    with pytest.raises(ValidationError) as caught:
        check_known("plian", ["plain", "photo"], what="template", location=["templates", 0])
    (error,) = caught.value.errors()
    assert error["msg"] == "unknown template 'plian'" and "plain" in error["ctx"]["remedy"]
