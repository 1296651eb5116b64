"""The oldest versions that setup.py allows, as pip reads them."""

from __future__ import annotations

from pathlib import Path

from scripts.minimum_versions import minimum_requirements


def test_lower_bounds_become_exact_and_torch_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "setup.py"
    file.write_text(
        "from setuptools import find_packages, setup\n"
        "setup(packages=find_packages(), install_requires=['torch>=2.6', 'numpy>=2.0'],\n"
        "      extras_require={'dev': ['pytest>=8.3', 'h5py>=3.10', 'ruff>=0.8']})\n",
        encoding="utf-8",
    )
    assert minimum_requirements(file) == ["numpy==2.0", "pytest==8.3", "h5py>=3.10"]
