# Each target does its own set-up in .venv, from a bare checkout with Python 3.11 or newer.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TEST_FLAGS ?=

.PHONY: demo test check bench compare docs format clean

demo: $(VENV)/.cli
	$(BIN)/mailproto demo

test: $(VENV)/.test
	$(BIN)/python -m pytest $(TEST_FLAGS)

# What CI runs besides `make test`: every line here must pass before a commit.
check: $(VENV)/.check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/verify_types.py
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	$(BIN)/python .ci/coverage_by_floor.py

bench: $(VENV)/.bench
	$(BIN)/python -m bench

# Writes the tables of docs/topics/comparison.rst.
compare: $(VENV)/.bench
	$(BIN)/python -m bench.compare

docs: $(VENV)/.check
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

format: $(VENV)/.check
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "mailproto needs Python 3.11 or newer as $(PYTHON); give another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) lacks its venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp a set of extras: it is made again when pyproject.toml changes.
$(VENV)/.%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@
