# Everything happens in a virtual environment of its own; `make help` lists the targets.
# Empty files in it record what is installed, so that a second call is quick.

PYTHON ?= python3
VENV ?= .venv
TEST_WORKERS ?= 2
ARGS ?=

venv := $(abspath $(VENV))
python := $(venv)/bin/python
pip := $(python) -m pip
sources := pyproject.toml meson.build meson.options $(shell find src -type f -not -name '*.pyc')

# No build isolation, and a build folder that stays: only what changed is compiled again.
# The build looks up meson, ninja and cython on PATH.
export PATH := $(venv)/bin:$(PATH)
install := $(pip) install --no-build-isolation -Cbuild-dir=$(venv)/build

.PHONY: help demo test test-full lint bench build develop dist clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

demo: $(venv)/installed  ## filter and pool real pictures and a real signal, beside SciPy
	$(python) -m convops demo $(ARGS)

test: $(venv)/installed $(venv)/group-test  ## run the tests against the installed package
	$(python) -m pytest -n $(TEST_WORKERS) $(ARGS)

test-full: $(venv)/installed $(venv)/group-test  ## the same with 200,000 random problems, for the night
	CONVOPS_PROBLEMS=200000 $(python) -m pytest -n $(TEST_WORKERS) $(ARGS)

lint: $(venv)/installed $(venv)/group-lint  ## check style and types
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(venv)/bin/cython-lint src/convops/kernels
	$(python) -m mypy

bench: $(venv)/installed $(venv)/group-bench  ## compare with other libraries; takes minutes
	$(python) bench/peers.py --suite quick $(ARGS)

build: $(venv)/installed  ## compile the package and install it into .venv

develop: $(venv)/group-dev  ## the same, but edits take effect at once in an activated .venv
	rm -f $(venv)/installed
	touch $(venv)/editable
	$(MAKE) build

dist: $(venv)/pip  ## make the source distribution and, from it, a wheel
	$(pip) install build
	$(python) -m build

clean:  ## remove what these targets made, the virtual environment too
	rm -rf $(venv) build dist convops-demo.png .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(venv)/installed: $(sources) $(venv)/group-build
	$(install) $(if $(wildcard $(venv)/editable),--editable) '.[demo]'
	@touch $@

$(venv)/group-%: pyproject.toml | $(venv)/pip
	$(pip) install --group $*
	@touch $@

$(venv)/pip:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11 or newer (apt, dnf or brew: python3)" >&2; exit 1; }
	@$(PYTHON) tools/prerequisites.py
	$(PYTHON) -m venv $(venv)
	$(pip) install --upgrade 'pip>=25.1'
	@touch $@
