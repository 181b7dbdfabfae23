# Commands that do all their own set-up: a virtual environment in the checkout, then the run.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXAMPLE := fitting/examples/three_biases.csv
# What is installed beside the packages: for tests, linters and the site.
GROUP := dev

.PHONY: demo app paper notebooks docs quick quick-newest newest-installed test slow lint gpu gpu-here picture clean

# Programs that tests compile are kept from run to run. Tests are dealt out in pieces of files that
# lie together, and a process that is through with its own takes from the other's.
PYTEST := -m pytest -n 2 --dist worksteal
PROGRAMS = JAX_COMPILATION_CACHE_DIR=$(CURDIR)/$(VENV)/programs

demo: $(VENV)/installed
	$(BIN)/jaxmem fit $(EXAMPLE) --device 3d --together --out out/demo --force

app: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable ".[app]"
	$(BIN)/jaxmem app

paper: $(VENV)/installed
	$(BIN)/jaxmem reproduce --out out/paper --force

notebooks: $(VENV)/installed
	mkdir -p out/notebooks
	cd out/notebooks && for n in ../../notebooks/0*.py; do ../../$(BIN)/python $$n || exit 1; done

# Warnings are errors; internal links and references are checked; the gallery's programs are run.
docs: $(VENV)/installed
	$(PROGRAMS) $(BIN)/python -m sphinx -W --keep-going -q docs out/docs
	@echo out/docs/index.html

quick: $(VENV)/installed
	$(PROGRAMS) $(BIN)/python $(PYTEST) -m "quick and not slow" tests

# The quick tests with the newest releases of everything, on the newest interpreter that is here.
ON_NEWEST = newest=$$(tests/newest_python) && [ -n "$$newest" ] || \
  { echo "no Python newer than $(PYTHON) is here: nothing to run"; exit 0; } && \
  $(MAKE) --no-print-directory VENV=.venv-newest PYTHON="$$newest" GROUP=test

quick-newest:
	@$(ON_NEWEST) quick

newest-installed:
	@$(ON_NEWEST) .venv-newest/installed

test: $(VENV)/installed
	$(PROGRAMS) $(BIN)/python $(PYTEST) -m "not slow" tests

# Compiled as a user's programs are; see tests/conftest.py.
slow: $(VENV)/installed
	$(PROGRAMS) XLA_FLAGS= HYPOTHESIS_PROFILE=search $(BIN)/python $(PYTEST) -m slow tests

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

# Where PYTHON has what jaxmem needs and its JAX sees a GPU nothing is installed (such a machine may
# have no network). Else CUDA's libraries, which are gigabytes, are installed where there is a GPU.
SEES_GPU = import jax; jax.devices("gpu"); import diffrax, optimistix, optax, xarray, zarr
gpu:
	@if $(PYTHON) -c '$(SEES_GPU)' 2>/dev/null; then $(PYTHON) -m benchmarks gpu; \
	  else $(MAKE) --no-print-directory gpu-here; fi

gpu-here: $(VENV)/installed
	if command -v nvidia-smi >/dev/null; then $(BIN)/python -m pip install --quiet --editable ".[cuda12]"; fi
	$(BIN)/python -m benchmarks gpu

picture: $(VENV)/installed
	$(BIN)/python notebooks/picture.py

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group $(GROUP)
	touch $@

clean:
	rm -rf $(VENV) .venv-newest
