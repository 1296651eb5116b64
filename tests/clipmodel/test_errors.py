from __future__ import annotations

from clipmodel.errors import UserError


def test_the_remedy_follows_the_message() -> None:
    error = UserError("a.csv, row 3: no label", remedy="add one")
    assert str(error) == "a.csv, row 3: no label (add one)"
    assert (error.message, error.remedy) == ("a.csv, row 3: no label", "add one")
    assert str(UserError("too few")) == "too few" and UserError("too few").remedy is None


def test_it_is_a_value_error_so_that_a_library_user_can_catch_it() -> None:
    assert isinstance(UserError("x"), ValueError)
