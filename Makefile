# Every target makes the environment first, in .venv, if requirements.lock or pyproject.toml changed since.
# It needs `make` and a Python of 3.11 or newer: `make book PYTHON=python3.12` names one.

PYTHON ?= python3
PROFILE ?= lite
PYTEST_ARGS ?= -n auto --maxprocesses 4 --dist worksteal
PORT ?= 8000

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
PINPOINT := $(BIN)/pinpoint

.DEFAULT_GOAL := help
.PHONY: help book test rerun verify serve lint format smoke gpu lock clean install
.DELETE_ON_ERROR:

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: install ## execute the stale chapters and render the book into _build/html
	$(PINPOINT) run --profile $(PROFILE)
	$(PINPOINT) book

test: install ## run the tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

rerun: install ## execute every chapter again, then compare each number with the recorded one
	$(PINPOINT) run --profile $(PROFILE) --force
	$(PINPOINT) verify --profile $(PROFILE)

verify: install ## say for each recorded number whether it comes out again
	$(PINPOINT) verify --profile $(PROFILE)

serve: install ## show the rendered book at http://localhost:8000
	$(PINPOINT) serve --port $(PORT)

lint: install ## check style, types and the rules of the book
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(PINPOINT) lint

format: install ## rewrite the code in the house style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

smoke: install ## run every chapter on a tiny world, two at a time, the longest first, to see that it runs
	@ls -S notebooks/*.py | xargs -n 1 basename -s .py | xargs -P 2 -n 1 $(PINPOINT) run --profile smoke --force

gpu: install ## put FAISS with GPU support in the place of faiss-cpu (Linux, x86-64)
	$(PIP) uninstall --yes faiss-cpu faiss-gpu-cu12
	$(PIP) install "$$(sed -n 's/^gpu = \["\([^;]*\);.*/\1/p' pyproject.toml)"

lock: install ## write requirements.lock from what .venv holds; build labels such as +cpu stay out
	@{ sed -n '/^#/p' requirements.lock; \
	   $(PIP) freeze --all --exclude pip --exclude pinpoint --exclude-editable \
	   | sed -E 's/^([^=]+==[^+]+)\+.*$$/\1/' | LC_ALL=C sort -f; } > requirements.lock.tmp
	@mv requirements.lock.tmp requirements.lock

clean: ## remove the rendered book, unpublished runs and tool caches; .venv and the cache of embeddings stay
	rm -rf _build runs .pytest_cache .mypy_cache .ruff_cache src/*.egg-info
	find src tests notebooks -name __pycache__ -type d -prune -exec rm -rf {} +

install: $(STAMP)

# torch comes first and at its locked version, so that nothing after it can bring another one. The lock names every
# package; pip may still add what only some platforms need (the CUDA libraries of torch on Linux).
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Pinpoint needs Python 3.11 or newer, and '$(PYTHON)' is not; name one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing into $(VENV): a few minutes, once"
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "  torch (on Linux up to 2 GB, unless the package index offers the CPU build)"
	@$(PIP) install "$$(grep '^torch==' requirements.lock)"
	@echo "  everything else in requirements.lock"
	@$(PIP) install -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
