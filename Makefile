# One line a target: `make help`. Two of them do all the set-up on a fresh machine: `make audit`, `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
OUT    ?= runs/quickstart
BUILD  := build
PEERS  := $(BUILD)/peers/.installed
TSC    := $(BUILD)/typescript/.installed
# Empty (`make install LOCK=`): resolve the lower bounds of setup.py anew, as on a Python the lock is not for.
LOCK   ?= requirements.lock
PIP    := $(BIN)/python -m pip --disable-pip-version-check -qq

.DEFAULT_GOAL := help
.PHONY: help install audit lab test slow coverage minimum check lint types layers docs browser peers typescript data train figures clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*##/\1\t/p' $(MAKEFILE_LIST) | expand -t 12

install: $(STAMP)  ## virtual environment in .venv, pinned dependencies, this package

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# torch comes first and without a hash: which build it is (CPU, CUDA, macOS) is the choice of this machine's pip
# configuration, and with hashes pip would prefer the registry's CUDA build to a local CPU wheel. Everything else is
# in the lock, which is complete: installed without resolving, every file checked. The last line adds what only this
# platform needs, such as the CUDA libraries that torch pins for itself; with a CPU build it downloads nothing.
$(STAMP): requirements.lock setup.py clipmodel/__init__.py | $(BIN)/python
	@echo "Installing the pinned dependencies into $(VENV): some minutes the first time"
	$(PIP) install --no-deps torch==2.13.0
	$(if $(LOCK),$(PIP) install --no-deps --require-hashes -r $(LOCK),$(PIP) install 'setuptools>=70' wheel)
	$(PIP) install --no-build-isolation --editable '.[dev]' torch==2.13.0
	$(PIP) check
	@touch $@

audit: $(STAMP)  ## the default audit; says where its report is
	$(BIN)/clip-audit run quickstart --out $(OUT)
	@echo "Report: $(abspath $(OUT))/report.html"

lab: $(STAMP)  ## JupyterLab in notebooks/
	$(BIN)/jupyter lab --notebook-dir notebooks

test: $(STAMP) browser peers typescript  ## all tests but the slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

slow: $(STAMP) browser peers  ## the slow tests: simulations of whole audits, real processes that are killed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m slow

coverage: $(STAMP) browser peers typescript  ## all tests, and which lines they run, in htmlcov/
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=html --cov-report=term:skip-covered

# The lower bounds of setup.py, in an environment of their own; torch stays the pinned one.
minimum:  ## the tests of reading and statistics on the oldest versions that setup.py allows
	$(PYTHON) -m venv $(BUILD)/minimum
	$(BUILD)/minimum/bin/python -m scripts.minimum_versions > $(BUILD)/minimum.txt
	$(BUILD)/minimum/bin/python -m pip install -qq torch==2.13.0 -r $(BUILD)/minimum.txt
	OMP_NUM_THREADS=1 PYTHONPATH=. $(BUILD)/minimum/bin/python -m pytest -q -m "not browser and not slow" tests/audit/statistics tests/audit/tables tests/probes

docs: $(STAMP)  ## the documentation site, in build/site; a warning is an error
	$(BIN)/python -m mkdocs build --strict --site-dir $(abspath $(BUILD))/site

figures: $(STAMP)  ## size and layering of the code
	$(BIN)/python -m scripts.code_figures

# The browser tests skip, with a reason, where Chromium is missing and cannot be installed.
browser:
	@if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null \
	    && command -v apt-get >/dev/null && [ "$$(id -u)" -eq 0 ]; then \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null 2>&1 \
	  || echo "Chromium could not be installed: the browser tests will be skipped"; \
	fi

check: lint types layers  ## lint, types, layers

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy clipmodel probes audit

layers: $(STAMP)
	$(BIN)/python -m pytest -q tests/test_layers.py

peers: $(PEERS)  ## other implementations, for tests of parity

# Without them the tests of parity skip, with a reason: so a platform they have no files for is no failure.
$(PEERS): requirements-peers.txt | $(STAMP)
	@rm -rf $(@D) && mkdir -p $(@D)
	@$(PIP) install --no-deps --require-hashes --target $(@D) -r requirements-peers.txt \
	  || echo "The peer implementations could not be installed: the tests of parity will be skipped"
	@touch $@

typescript: $(TSC)  ## TypeScript, which checks the types of the report's script in the tests

# Without it, or without node, that test skips, with a reason.
$(TSC): scripts/check_page_scripts/package-lock.json scripts/check_page_scripts/package.json
	@rm -rf $(@D) && mkdir -p $(@D) && cp $^ $(@D)/
	@(cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund) >/dev/null 2>&1 \
	  || echo "TypeScript could not be installed: the types of the report's script will not be checked"
	@touch $@

data: $(STAMP)  ## rebuild the embedded emoji from their npm packages
	mkdir -p $(BUILD)/emoji
	cp scripts/build_emoji/package.json $(BUILD)/emoji/
	npm install --prefix $(BUILD)/emoji --no-package-lock --ignore-scripts --no-audit --no-fund
	$(BIN)/python -m scripts.build_emoji --npm $(BUILD)/emoji/node_modules --out probes/data/emoji

train: $(STAMP)  ## train the bundled model's recipe into runs/train-tiny
	$(BIN)/clip-audit train tiny --steps 1800 --out runs/train-tiny

clean:  ## remove builds and caches; keep .venv and runs
	rm -rf $(BUILD) dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find clipmodel probes audit tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
