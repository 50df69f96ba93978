# Needs make and Python >= 3.11 with venv; everything else lands in $(VENV).

PYTHON ?= python3
VENV ?= .venv
PIP ?=
BUDGET ?=
ARGS ?=
KERNELS ?= kernels

PACKAGES := kernel_model legacy_tifmemdie patched oom_kernels oom_review
CHECKED := $(PACKAGES) $(wildcard tests benchmarks docs)
PY := $(VENV)/bin/python
# Two stamps: what the main job runs with, and on top of it what develops the project.
RUN := $(VENV)/.run
DEV := $(VENV)/.dev

QUIETLY := -m pip install --no-input --disable-pip-version-check
# A lock is installed as it stands: with nothing resolved, a newer release of a pinned package can't stop it.
LOCKED := $(QUIETLY) --no-deps --require-hashes
WHEEL := -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation

.DEFAULT_GOAL := help
.PHONY: help setup review test lint format bugs kernels mutants docs bench coverage nightly wheel wheel-check lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'
	@echo "variables: PYTHON=python3.12  VENV=.venv312  BUDGET=seconds (review)  ARGS='...' (review, test, bench, kernels)"
	@echo "           PIP=22.3 (set up with that pip, not the one that Python brings)"

# $(call step,what,commands): one line that says what was set up; the log is shown only if that failed.
define step
	@log=$$(mktemp) || exit 1; trap 'rm -f "$$log"' EXIT; began=$$(date +%s); \
	{ $(2); } >"$$log" 2>&1 || { cat "$$log" >&2; echo "error: setting up $(VENV) failed, see above" >&2; exit 1; }; \
	echo "set up $(VENV) $(1) in $$(($$(date +%s) - began)) s; it takes $$(du -sm "$(VENV)" | cut -f1) MB"
	@touch "$@"
endef

$(RUN): pyproject.toml requirements.lock
	@command -v "$(PYTHON)" >/dev/null 2>&1 \
	  || { echo "error: $(PYTHON) not found; Python >= 3.11 is needed (make PYTHON=...)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "error: $(PYTHON) is older than Python 3.11 or does not run (make PYTHON=...)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "error: $(PYTHON) lacks venv; install it (on Debian: python3-venv)" >&2; exit 1; }
	$(call step,to run,"$(PYTHON)" -m venv --clear "$(VENV)" \
	  $(if $(PIP),&& "$(PY)" $(QUIETLY) pip==$(PIP)) \
	  && "$(PY)" $(LOCKED) -r requirements.lock \
	  && "$(PY)" $(QUIETLY) --no-deps --no-build-isolation -e . \
	  && "$(PY)" -c "from oom_review.explore.build import main; main()")

$(DEV): $(RUN) requirements-dev.lock
	$(call step,to develop,"$(PY)" $(LOCKED) -r requirements-dev.lock)

setup: $(DEV) ## create the whole environment

review: $(RUN) ## compare the two semantics: make review [BUDGET=seconds]
	@"$(VENV)/bin/oom-review" review $(if $(BUDGET),--budget $(BUDGET)) $(ARGS)

test: $(DEV) ## run the tests, what failed last first
	@"$(PY)" tests/report/chromium.py
	@"$(PY)" -m pytest -n auto --failed-first $(ARGS)

lint: $(DEV) ## ruff and mypy
	@"$(PY)" -m ruff check .
	@"$(PY)" -m ruff format --check .
	@"$(PY)" -m mypy $(CHECKED) .ci/lock.py hatch_build.py
	@"$(PY)" -m mypy conftest.py

format: $(DEV) ## let ruff format and fix
	@"$(PY)" -m ruff check --fix .
	@"$(PY)" -m ruff format .

bugs: $(DEV) ## find the public bugs of real kernels by comparing: writes docs/bugs.md
	@"$(PY)" tests/bugs/table.py --markdown

mutants: $(DEV) ## change the models, and say which changes no test notices (ARGS=--help)
	@"$(PY)" tests/mutants/mutate.py $(ARGS)

kernels: $(RUN) ## boot real kernels and hold them against the models: make kernels [KERNELS=directory]
	@"$(VENV)/bin/oom-review" kernels fetch "$(KERNELS)" 6.12 7.3
	@"$(VENV)/bin/oom-review" kernels run "$(KERNELS)/6.12" "$(KERNELS)/7.3" $(ARGS)

docs: $(DEV) ## make the pages of docs/ from their templates
	@"$(PY)" docs/make.py

bench: $(DEV) ## run the benchmarks
	@"$(PY)" -m benchmarks $(ARGS)

coverage: $(DEV) ## run the tests, report branch coverage of the models
	@"$(PY)" -m pytest -n auto --cov --cov-report=term --cov-report=html $(ARGS)

nightly: $(DEV) ## what takes hours: thorough profiles, reductions, coverage, other Pythons
	@.ci/nightly "$(VENV)"

wheel: $(RUN) ## build dist/*.whl: with the compiled core, for this platform, and a pure one
	@OOM_REVIEW_WHEEL=pure "$(PY)" $(WHEEL) --wheel-dir dist .
	@"$(PY)" $(WHEEL) --wheel-dir dist .

wheel-check: $(RUN) ## run the wheel in an empty environment
	@.ci/wheel "$(PY)" '$(LOCKED)'

# Only for maintainers: needs uv on PATH.
lock: ## renew both locks
	@"$(PYTHON)" .ci/lock.py

clean: ## remove everything that was made
	rm -rf "$(VENV)" dist build .mutants htmlcov .coverage .coverage.* .hypothesis .pytest_cache .mypy_cache .ruff_cache
	find $(CHECKED) -type d -name __pycache__ -prune -exec rm -rf {} +
