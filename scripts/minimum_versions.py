"""Print the oldest versions that setup.py allows, for pip: `make minimum` tests with them.

python -m scripts.minimum_versions
"""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
WITH = ("pytest", "hypothesis", "statsmodels", "h5py", "webdataset", "datasets")
"""What the tests need besides the requirements of the package."""


def minimum_requirements(setup_file: Path) -> list[str]:
    """Every `name>=version` of the package as `name==version`, without torch, which is pinned elsewhere."""
    given: dict[str, object] = {}
    # setup.py is run with a `setup` that only notes its arguments: parsing its text would miss computed ones.
    stand_in = ModuleType("setuptools")
    stand_in.setup = given.update  # type: ignore[attr-defined]
    stand_in.find_packages = lambda **_: []  # type: ignore[attr-defined]
    before = sys.modules.get("setuptools")
    sys.modules["setuptools"] = stand_in
    try:
        runpy.run_path(str(setup_file))
    finally:
        sys.modules.pop("setuptools")
        if before is not None:
            sys.modules["setuptools"] = before
    extras = given["extras_require"]
    assert isinstance(extras, dict)
    lines = [*given["install_requires"], *(line for line in extras["dev"] if line.startswith(WITH))]  # type: ignore[misc]
    return [
        line if name in WITH and name != "pytest" else re.sub(r">=", "==", line)
        for line in lines
        for name in [re.split(r"[\[>=]", line)[0]]
        if name != "torch"
    ]


if __name__ == "__main__":
    print("\n".join(minimum_requirements(ROOT / "setup.py")))
