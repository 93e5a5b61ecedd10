# `make` sets everything up and runs the default study; `make test` sets everything up and runs the tests.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: run setup test web long bench ablation audit renew vulnerabilities

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
	OMP_NUM_THREADS=1 COVERAGE_FILE=$(CURDIR)/.coverage pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered

# MODEL=data/models/student.int8.onnx for the quantised one, PORT=8001 where 8000 is taken
MODEL ?= data/models/student.onnx
PORT ?= 8000

web: $(MODEL) web/node_modules/.installed # the page, on http://127.0.0.1:8000/
	$(PYTHON) -m web.assemble $(MODEL)
	$(PYTHON) web/site/serve.py $(PORT)

%.onnx:
	@echo "$@ is not there: run \`make\` first" >&2; exit 1

web/node_modules/.installed: web/package-lock.json
	@command -v npm > /dev/null || { echo "npm is not there: the page needs Node.js 20 or later" >&2; exit 1; }
	npm ci --prefix web --no-progress
	touch $@

long: setup # 10,000 files a surface, every edit, disks full at four points, 100 kills
	CASES=10000 OMP_NUM_THREADS=1 pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
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
