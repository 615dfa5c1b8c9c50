# Two commands do everything on a fresh machine with Python 3.11+ and make:
#   make demo   sets up and runs the main job on real data
#   make test   sets up and passes the tests

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Workers import the libraries too; compiling them anew each time would take most of a short budget.
export PYTHONDONTWRITEBYTECODE =

# Packages that must not meet Assay's own, each list in an environment of its own.
ENVIRONMENTS := $(patsubst tests/environments/%.txt,.environments/%/.installed,\
                           $(wildcard tests/environments/*.txt))

.PHONY: demo test nightly examples lint types install install-dev environments system clean

demo: install
	sh examples/demo.sh $(BIN)/assay

test: install-dev environments system
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Ten thousand random models of each kind, compiled and proved; about an hour and a half.
nightly: install-dev
	ASSAY_RANDOM_PLANS=10000 ASSAY_RANDOM_PIPELINES=10000 \
	  $(BIN)/python -m pytest tests/model -k random --timeout 0

# Both examples, as they are, in a home of their own; CI runs it.
examples: install
	sh examples/all.sh $(BIN)/assay

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev
	$(BIN)/mypy

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Assay needs Python 3.11 or newer; try: make PYTHON=python3.12 demo"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt requirements-alone.txt
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --requirement requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-compile --no-deps --requirement requirements-alone.txt
	@touch $@

# MLflow and Spark, for the tests that open an exported folder with the real thing.
environments: $(ENVIRONMENTS)

.environments/%/.installed: tests/environments/%.txt
	$(PYTHON) -m venv .environments/$*
	.environments/$*/bin/python -m pip install --quiet --no-compile --requirement $<
	@touch $@

# PostgreSQL, Chromium, pdftotext, gcc, npm and Java for the tests, where this is root on Debian; else
# tests that need them skip and say so.
system:
	@sh tests/system.sh

clean:
	rm -rf $(VENV) .environments build .mypy_cache .ruff_cache .pytest_cache .hypothesis
