# Needs make and Python >= 3.11 with venv; everything else lands in $(VENV).

PYTHON ?= python3
VENV ?= .venv
BUDGET ?=
ARGS ?=

PACKAGES := kernel_model legacy_tifmemdie patched mainline_v6_18 oom_review
CHECKED := $(PACKAGES) $(wildcard tests benchmarks docs)
PY := $(VENV)/bin/python
STAMP := $(VENV)/.stamp

# Hypothesis and pytest behave differently when CI is set: make every run the CI run.
override CI := true
export CI

.DEFAULT_GOAL := help
.PHONY: help setup review test lint format docs bench coverage wheel lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo "variables: PYTHON=python3.12  VENV=.venv312  BUDGET=seconds (review)  ARGS='...' (review, test, bench)"

# The log lies outside $(VENV), which --clear empties, and is shown only when a step fails.
$(STAMP): pyproject.toml requirements.lock
	@command -v "$(PYTHON)" >/dev/null 2>&1 \
	  || { echo "error: $(PYTHON) not found; Python >= 3.11 is needed (make PYTHON=...)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "error: $(PYTHON) is older than Python 3.11 or does not run (make PYTHON=...)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "error: $(PYTHON) lacks venv; install it (on Debian: python3-venv)" >&2; exit 1; }
	@echo "setting up $(VENV) (once) ..."
	@log=$$(mktemp) || exit 1; trap 'rm -f "$$log"' EXIT; \
	{ "$(PYTHON)" -m venv --clear "$(VENV)" \
	  && "$(PY)" -m pip install --no-input --disable-pip-version-check --no-deps --require-hashes -r requirements.lock \
	  && "$(PY)" -m pip install --no-input --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	} >"$$log" 2>&1 || { cat "$$log" >&2; echo "error: setting up $(VENV) failed, see above" >&2; exit 1; }
	@touch "$@"

setup: $(STAMP) ## create the environment

review: $(STAMP) ## compare the two semantics: make review [BUDGET=120]
	@"$(VENV)/bin/oom-review" review $(if $(BUDGET),--budget $(BUDGET)) $(ARGS)

test: $(STAMP) ## run the tests
	@"$(PY)" -m pytest -n auto $(ARGS)

lint: $(STAMP) ## ruff and mypy
	@"$(PY)" -m ruff check .
	@"$(PY)" -m ruff format --check .
	@"$(PY)" -m mypy $(CHECKED)

format: $(STAMP) ## let ruff format and fix
	@"$(PY)" -m ruff check --fix .
	@"$(PY)" -m ruff format .

docs: $(STAMP) ## make the pages of docs/ from their templates
	@"$(PY)" docs/make.py

bench: $(STAMP) ## run the benchmarks
	@"$(PY)" -m benchmarks $(ARGS)

coverage: $(STAMP) ## run the tests, report branch coverage of the models
	@"$(PY)" -m pytest -n auto --cov --cov-report=term --cov-report=html $(ARGS)

wheel: $(STAMP) ## build dist/*.whl
	@"$(PY)" -m build --wheel --no-isolation .

# Only for maintainers: needs uv on PATH.
lock: ## renew requirements.lock
	uv pip compile --universal --python-version 3.11 --extra dev --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --no-emit-find-links --upgrade -q -o requirements.lock pyproject.toml

clean: ## remove everything that was made
	rm -rf "$(VENV)" dist build htmlcov .coverage .coverage.* .hypothesis .pytest_cache .mypy_cache .ruff_cache
	find $(CHECKED) -type d -name __pycache__ -prune -exec rm -rf {} +
