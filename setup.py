"""Build the three packages of CLIP Audit: clipmodel, probes, audit."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
# Read, not imported: the package's requirements are not installed while it is built.
INIT = (HERE / "clipmodel/__init__.py").read_text(encoding="utf-8")
VERSION = re.search(r'^__version__ = "([^"]+)"', INIT, re.MULTILINE)[1]

DATA_PATTERNS = [
    f"**/*.{suffix}" for suffix in ("yaml", "parquet", "md", "json", "safetensors", "txt", "j2", "css", "js")
]
PACKAGES = ("clipmodel", "probes", "audit")
REPOSITORY = "https://github.com/clip-audit/clip-audit"

REQUIRES = [
    "torch>=2.6",
    "numpy>=2.0",
    "pandas>=2.2.2",
    "pyarrow>=17.0",
    "scipy>=1.13",
    "matplotlib>=3.9",
    "seaborn>=0.13.2",
    "Jinja2>=3.1",
    "MarkupSafe>=2.1",
    "pydantic>=2.10",
    "PyYAML>=6.0.1",
    "typer>=0.15",
    "rich>=13.9",
    "safetensors>=0.4.5",
    "tokenizers>=0.20",
    "transformers>=4.46",
    "ftfy>=6.2",
    "pillow>=10.4",
    "ahocorasick-rs>=1.0",
    "scikit-learn>=1.5",
    "threadpoolctl>=3.1",
    "fairlearn>=0.12",
    "huggingface_hub>=0.26",
    "typing_extensions>=4.12",
]
NOTEBOOKS = ["jupyterlab>=4.2", "ipykernel>=6.29"]
DOCS = ["mkdocs-material>=9.5", "mkdocstrings[python]>=0.26"]
SCALE = ["ray[data]>=2.40", "duckdb>=1.5"]
STREAMS = ["fsspec>=2024.6"]
TENSORBOARD = ["tensorboard>=2.17"]
WANDB = ["wandb>=0.18"]
DATASETS = ["datasets>=3.0"]
LFWA = ["h5py>=3.10"]  # MATLAB 7.3 files
FAST = ["simplejpeg>=1.7"]
OPEN_CLIP = ["open_clip_torch>=2.30"]
DEV = [
    *FAST,
    *STREAMS,
    *TENSORBOARD,
    *DATASETS,
    *LFWA,
    *NOTEBOOKS,
    *DOCS,
    *SCALE,
    "webdataset>=0.2.100",  # writes the shards that tests read
    "polars>=1.20",  # that other programs read the shards is tested
    "pytest>=8.3",
    "pytest-xdist>=3.6",
    "pytest-cov>=6.0",
    "hypothesis>=6.110",
    "nbclient>=0.10",
    "playwright>=1.48",
    "axe-playwright-python>=0.1.4",
    "statsmodels>=0.14.4",
    "networkx>=3.3",
    "resvg-py>=0.2",
    "ruff>=0.8",
    "mypy>=1.13",
    "pandas-stubs>=2.2.2",
    "scipy-stubs>=1.15",
    "types-PyYAML>=6.0.12",
]

setup(
    name="clip-audit",
    version=VERSION,
    description="Audit CLIP-like models for bias, and a complete, trainable CLIP to audit",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="CLIP Audit contributors",
    license="MIT",
    keywords="CLIP fairness bias audit zero-shot vision-language",
    project_urls={
        "Documentation": f"{REPOSITORY}/tree/main/docs",
        "Changelog": f"{REPOSITORY}/blob/main/CHANGELOG.md",
        "Issues": f"{REPOSITORY}/issues",
        "Source": REPOSITORY,
    },
    url=REPOSITORY,
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Information Analysis",
        "Topic :: Software Development :: Quality Assurance",
        "Typing :: Typed",
    ],
    license_files=["LICENSE", "NOTICE"],
    packages=find_packages(include=[pattern for name in PACKAGES for pattern in (name, f"{name}.*")]),
    package_data={name: [*DATA_PATTERNS, "py.typed"] for name in PACKAGES},
    python_requires=">=3.11",
    install_requires=REQUIRES,
    extras_require={
        "notebooks": NOTEBOOKS,
        "scale": SCALE,
        "streams": STREAMS,
        "tensorboard": TENSORBOARD,
        "wandb": WANDB,
        "datasets": DATASETS,
        "lfwa": LFWA,
        "docs": DOCS,
        "fast": FAST,
        "open_clip": OPEN_CLIP,
        "dev": DEV,
    },
    entry_points={"console_scripts": ["clip-audit = audit.start:main"]},
)
