# `make` sets everything up and runs the default study; `make test` sets everything up and runs the tests.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: run setup test long bench ablation audit renew vulnerabilities

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
	OMP_NUM_THREADS=1 COVERAGE_FILE=$(CURDIR)/.coverage pytest --numprocesses 2 --dist loadfile --cov --cov-report=term:skip-covered

long: setup # 10,000 files a surface, every edit, disks full at four points, 100 kills
	CASES=10000 OMP_NUM_THREADS=1 pytest --numprocesses 2 --dist loadfile
	python -m tests.kills 100

bench: setup # speed and memory as ratios, after `make`; wants a quiet machine
	python -m tests.benchmarks.prepare
	python -m tests.benchmarks.training
	python -m tests.benchmarks.memory
	python -m tests.benchmarks.scale
	python -m tests.benchmarks.hours
	python -m tests.benchmarks.pipeline
	python -m tests.benchmarks.latency

renew: setup # the newest version of everything, pinned
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --custom-compile-command "make renew" requirements.in --output-file requirements.txt

vulnerabilities: setup # what is known of the pinned versions; asks the package registry's own data
	uv tool run pip-audit@2.10.1 --strict --disable-pip --no-deps --requirement requirements.txt

audit: setup # do the dumps say what their networks say?
	python -m distill.audit

ablation: setup # is the student better for being taught? 15 experiments from a finished and committed baseline
	python -m distill.sweep
	python -m distill.ablation
