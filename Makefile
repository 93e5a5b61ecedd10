# `make` sets everything up and runs the default study; `make test` sets everything up and runs the tests.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: run setup test bench ablation audit

run: setup
	dvc repro

setup: $(BIN)/.installed

$(BIN)/.installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

test: setup
	ruff check .
	ruff format --check .
	pytest

bench: setup # speed and memory as ratios, after `make`; wants a quiet machine
	python -m tests.benchmarks.prepare
	python -m tests.benchmarks.training
	python -m tests.benchmarks.memory
	python -m tests.benchmarks.scale
	python -m tests.benchmarks.hours
	python -m tests.benchmarks.pipeline

audit: setup # do the dumps say what their networks say?
	python -m distill.audit

ablation: setup # is the student better for being taught? 15 experiments from a finished and committed baseline
	python -m distill.sweep
	python -m distill.ablation
