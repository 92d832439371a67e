# demo: grade two submissions, no engine needed · test: everything · lint: style, types, layers · prove: every claim of
# every exercise that has no current proof · bench: our overhead against floors measured in the same run
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 0
# Most tests wait most of the time; a pod has programs of its own.
WORKERS ?= 4
PODS ?= 2

.PHONY: demo test lint format prove bench clean

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "assesskit needs Python 3.11 to 3.13; name one with: make PYTHON=/path/to/python3 ..."; exit 2; }
	$(PYTHON) -m venv .venv
	touch $@

.venv/.run: .venv/.made pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/.dev: .venv/.made pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[grader,dev]'
	touch $@ .venv/.run

demo: .venv/.run
	$(BIN)/assesskit demo

test: .venv/.dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder -m "not (alone or docker)"
	$(BIN)/python -m pytest -n $(PODS) --dist loadscope --no-loadscope-reorder -m "docker and not alone"
	$(BIN)/python -m pytest -m alone

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

prove: .venv/.dev
	$(BIN)/assesskit prove build-service --jobs $(JOBS)
	$(BIN)/assesskit prove debug-trace --jobs $(JOBS)
	$(BIN)/assesskit prove extract-endpoint --jobs $(JOBS)

bench: .venv/.dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache demo-out assessments false-verdicts
