from __future__ import annotations

import pytest

from clipmodel.errors import UserError
from clipmodel.loading.device import usable_device


def test_the_cpu_is_always_there() -> None:
    assert usable_device("cpu") == "cpu"


@pytest.mark.parametrize("name", ["cdua", "cuda:97"])
def test_a_device_that_is_not_there_is_named_in_one_line(name: str) -> None:
    with pytest.raises(UserError, match=f"the device '{name}' cannot be used: ") as caught:
        usable_device(name)
    assert "\n" not in caught.value.message and caught.value.remedy == "use --device cpu"
